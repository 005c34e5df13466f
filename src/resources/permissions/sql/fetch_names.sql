-- The names of all permissions of an API, and of those that a user has directly or by roles.
-- $1 tenant_id text
-- $2 user_id text
-- $3 resource_server_id text
select array(
           select permission_name
             from permissions
            where tenant_id = $1
              and resource_server_id = $3
            order by permission_name
       ) as all_names,
       array(
           select permission_name
             from user_permissions
            where tenant_id = $1
              and user_id = $2
              and resource_server_id = $3
            union
           select rp.permission_name
             from role_members m
             join role_permissions rp
               on rp.tenant_id = $1
              and rp.role_id = m.role_id
            where m.tenant_id = $1
              and m.user_id = $2
              and rp.resource_server_id = $3
            order by permission_name
       ) as names_of_user
