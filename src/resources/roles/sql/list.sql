with matching as (
             select *
               from roles
              where tenant_id = $1
                and ($2::text is null or position(lower($2) in lower(name)) > 0)
         )
         select array(select json_strip_nulls(json_build_object('id', r.role_id, 'name', r.name, 'description', r.description))::text
                        from matching r
                       order by r.name
                       limit $3
                      offset $4),
                (select count(*) from matching)
