select case when $8 then (select count(*) from connections c where c.tenant_id = $1
                and ($2::text is null or c.name = $2)
                and ($3::text[] = '{}' or c.strategy = any($3))
                and ($4::text is null or case when c.for_all_clients then exists (select from clients k where k.tenant_id = $1 and k.client_id = $4) else exists (select from connection_clients k where k.tenant_id = $1 and k.connection_id = c.connection_id and k.client_id = $4) end)) end as total,
            s.connection_id, s.name, s.strategy, s.options, s.secrets, s.settings, case when $9 then case when s.for_all_clients
                  then array(select e.client_id from clients e
                               where e.tenant_id = $1 and e.client_id is distinct from (select g.client_id from clients g where g.tenant_id = $1 and g.settings -> 'global' = 'true') order by e.client_id)
                  else array(select k.client_id from connection_clients k
                              where k.tenant_id = s.tenant_id and k.connection_id = s.connection_id
                              order by k.client_id) end end as enabled_clients, etag(s.version, s.created_at) as etag
       from (values (1)) one
       left join lateral (select *
                            from connections c
                           where c.tenant_id = $1
                and ($2::text is null or c.name = $2)
                and ($3::text[] = '{}' or c.strategy = any($3))
                and ($4::text is null or case when c.for_all_clients then exists (select from clients k where k.tenant_id = $1 and k.client_id = $4) else exists (select from connection_clients k where k.tenant_id = $1 and k.connection_id = c.connection_id and k.client_id = $4) end)
                             and ($5::text is null or c.name > $5)
                           order by c.name
                           limit $6
                          offset $7) s on true
      order by s.name
