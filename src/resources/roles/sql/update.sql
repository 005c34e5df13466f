with before as (
             select *
               from roles
              where tenant_id = $1
                and role_id = $2
                for update
         ), r as (
             update roles u
                set name = coalesce($3, u.name),
                    description = coalesce($4, u.description),
                    updated_at = now()
               from before b
              where u.tenant_id = b.tenant_id
                and u.role_id = b.role_id
          returning u.*, b.name as old_name, b.description as old_description
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'role.updated', role_id,
                    journal_changes(jsonb_strip_nulls(jsonb_build_object('name', old_name, 'description', old_description)),
                                    jsonb_strip_nulls(jsonb_build_object('name', name, 'description', description))), ($5::journal_author).*
               from r
              where (name, description) is distinct from (old_name, old_description)
         )
         select json_strip_nulls(json_build_object('id', r.role_id, 'name', r.name, 'description', r.description))::text
           from r
