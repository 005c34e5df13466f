with deleted as (
             delete from organizations
              where tenant_id = $1
                and organization_id = $2
          returning *
         )
         insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
         select tenant_id, 'organization.deleted', organization_id, journal_changes(settings || jsonb_build_object('name', name), null), ($3::journal_author).*
           from deleted
