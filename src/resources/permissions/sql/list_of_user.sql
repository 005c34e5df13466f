-- A page of the permissions of a user by API and name, each with its sources, and their number: permissions
-- assigned directly and those of the user's roles. No row means that the user does not exist. Descriptions
-- are read for the rows of the page alone.
-- $1 tenant_id text
-- $2 user_id text
-- $3 limit bigint
-- $4 offset bigint
with source as (
    select resource_server_id,
           permission_name,
           '' as source_id,
           '' as source_name,
           'DIRECT' as source_type
      from user_permissions
     where tenant_id = $1
       and user_id = $2
     union all
    select rp.resource_server_id,
           rp.permission_name,
           r.role_id,
           r.name,
           'ROLE'
      from role_members m
      join roles r
        on r.tenant_id = $1
       and r.role_id = m.role_id
      join role_permissions rp
        on rp.tenant_id = $1
       and rp.role_id = m.role_id
     where m.tenant_id = $1
       and m.user_id = $2
), assigned as (
    select resource_server_id,
           permission_name,
           json_agg(json_build_object(
               'source_id', source_id,
               'source_name', source_name,
               'source_type', source_type
           ) order by source_type, source_name) as sources
      from source
     group by resource_server_id, permission_name
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
                      'resource_server_identifier', s.identifier,
                      'sources', a.sources
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
  from users
 where tenant_id = $1
   and user_id = $2
