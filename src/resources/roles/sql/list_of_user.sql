-- A page of the roles of a user by name, and their number. No row means that the user does not exist.
-- $1 tenant_id text
-- $2 user_id text
-- $3 limit bigint
-- $4 offset bigint
select array(
           select json_strip_nulls(json_build_object(
                      'id', r.role_id,
                      'name', r.name,
                      'description', coalesce(r.description, ''),
                      'type', r.type,
                      'owner_id', r.owner_id
                  ))::text
             from role_members m
             join roles r
               on r.tenant_id = $1
              and r.role_id = m.role_id
            where m.tenant_id = $1
              and m.user_id = $2
            order by r.name
            limit $3
           offset $4
       ) as documents,
       (
           select count(*)
             from role_members m
            where m.tenant_id = $1
              and m.user_id = $2
       ) as total
  from users u
 where u.tenant_id = $1
   and u.user_id = $2
