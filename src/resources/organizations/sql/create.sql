with o as (
             insert into organizations (tenant_id, organization_id, name, settings)
             values ($1, $2, $3, $4)
          returning *
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'organization.created', organization_id, journal_changes(null, settings || jsonb_build_object('name', name)), ($5::journal_author).*
               from o
         )
         select (o.settings || jsonb_build_object('id', o.organization_id, 'name', o.name))::text
           from o
