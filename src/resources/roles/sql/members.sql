select case when $7 then (select count(*)
                            from role_members c
                           where c.tenant_id = $1
                             and c.role_id = $2) end as total,
            m.user_id,
            m.assigned_at
       from roles r
       left join lateral (select l.user_id,
                                 l.assigned_at
                            from role_members l
                           where l.tenant_id = $1
                             and l.role_id = $2
                             and (l.assigned_at, l.user_id) > ($3, $4)
                           order by l.assigned_at, l.user_id
                           limit $5
                          offset $6) m on true
      where r.tenant_id = $1
        and r.role_id = $2
