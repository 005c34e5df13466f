-- A page of the permissions of a role by API and name, and their number. No row means that the role does not
-- exist.
-- Descriptions are read for the rows of the page alone.
-- $1 tenant_id text
-- $2 role_id text
-- $3 limit bigint
-- $4 offset bigint
with assigned as (
    select resource_server_id,
           permission_name
      from role_permissions
     where tenant_id = $1
       and role_id = $2
)
select array(
           select json_strip_nulls(json_build_object(
                      'permission_name', a.permission_name,
                      'description', (
                          select p.description
                            from permissions p
                           where p.tenant_id = $1
                             and p.resource_server_id = a.resource_server_id
                             and p.permission_name = a.permission_name
                      ),
                      'resource_server_name', s.settings ->> 'name',
                      'resource_server_identifier', s.identifier
                  ))::text
             from assigned a
             join resource_servers s
               on s.tenant_id = $1
              and s.resource_server_id = a.resource_server_id
            order by s.identifier, a.permission_name
            limit $3
           offset $4
       ) as documents,
       (select count(*) from assigned) as total
  from roles
 where tenant_id = $1
   and role_id = $2
