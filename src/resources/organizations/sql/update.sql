with before as (
             select *
               from organizations
              where tenant_id = $1
                and organization_id = $2
                for update
         ), o as (
             update organizations u
                set name = coalesce($3, b.name),
                    settings = (b.settings || $4) - $5::text[],
                    updated_at = now()
               from before b
              where u.tenant_id = b.tenant_id
                and u.organization_id = b.organization_id
          returning u.*, b.settings || jsonb_build_object('name', b.name) as old
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'organization.updated', organization_id, journal_changes(old, settings || jsonb_build_object('name', name)), ($6::journal_author).*
               from o
              where settings || jsonb_build_object('name', name) <> old
         )
         select (o.settings || jsonb_build_object('id', o.organization_id, 'name', o.name))::text
           from o
