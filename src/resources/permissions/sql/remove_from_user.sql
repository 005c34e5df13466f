with changed as (
             delete from user_permissions a
              using resource_servers s, unnest($3::text[], $4::text[]) g(identifier, permission_name)
              where a.tenant_id = $1
                and a.user_id = $2
                and s.tenant_id = $1
                and s.identifier = g.identifier
                and a.resource_server_id = s.resource_server_id
                and a.permission_name = g.permission_name
          returning a.*
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'user.permissions_removed', c.user_id,
                    jsonb_build_object('permissions', jsonb_build_object('before', jsonb_agg(jsonb_build_object(
                        'resource_server_identifier', s.identifier, 'permission_name', c.permission_name)))), ($5::journal_author).*
               from changed c
               join resource_servers s using (tenant_id, resource_server_id)
              group by tenant_id, c.user_id
         )
         select exists (select from users where tenant_id = $1 and user_id = $2)
