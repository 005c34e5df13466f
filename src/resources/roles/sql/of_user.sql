select array(select json_strip_nulls(json_build_object('id', r.role_id, 'name', r.name, 'description', r.description))::text
                    from role_members m
                    join roles r on r.tenant_id = m.tenant_id and r.role_id = m.role_id
                   where m.tenant_id = $1
                     and m.user_id = $2
                   order by r.name
                   limit $3
                  offset $4),
            (select count(*)
               from role_members c
              where c.tenant_id = $1
                and c.user_id = $2)
       from users u
      where u.tenant_id = $1
        and u.user_id = $2
