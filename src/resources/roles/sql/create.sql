with tenant as (
             select tenant_id
               from tenants
              where tenant_id = $1
                for no key update
         ), r as (
             insert into roles (tenant_id, role_id, name, description)
             select tenant_id, $2, $3, $4
               from tenant
          returning *
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'role.created', role_id,
                    journal_changes(null, jsonb_strip_nulls(jsonb_build_object('name', name, 'description', description))), ($5::journal_author).*
               from r
         )
         select json_strip_nulls(json_build_object('id', r.role_id, 'name', r.name, 'description', r.description))::text
           from r
