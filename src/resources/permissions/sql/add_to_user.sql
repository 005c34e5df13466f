with asked as (
             select g.*,
                    s.resource_server_id,
                    coalesce((select true
                                from permissions p
                               where p.tenant_id = $1
                                 and p.resource_server_id = s.resource_server_id
                                 and p.permission_name = g.permission_name), false) as is_known
               from unnest($3::text[], $4::text[]) g(identifier, permission_name)
               left join resource_servers s on s.tenant_id = $1 and s.identifier = g.identifier
         ), unknown as (
             select identifier, permission_name, resource_server_id is not null as server_exists
               from asked
              where not is_known
              limit 1
         ), owner as (
             select from users where tenant_id = $1 and user_id = $2 for no key update
         ), changed as (
             insert into user_permissions (tenant_id, user_id, resource_server_id, permission_name)
             select $1, $2, resource_server_id, permission_name
               from asked
              where exists (select from owner)
                and not exists (select from unknown)
              order by resource_server_id, permission_name
                 on conflict do nothing
          returning *
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'user.permissions_added', c.user_id,
                    jsonb_build_object('permissions', jsonb_build_object('after', jsonb_agg(jsonb_build_object(
                        'resource_server_identifier', s.identifier, 'permission_name', c.permission_name)))), ($5::journal_author).*
               from changed c
               join resource_servers s using (tenant_id, resource_server_id)
              group by tenant_id, c.user_id
         )
         select exists (select from owner) as owner_exists, u.*
           from (values (1)) one
           left join unknown u on true
