select k.client_id
       from connections c
       left join lateral (
            select * from (select e.client_id from clients e
                            where e.tenant_id = $1 and e.client_id is distinct from (select g.client_id from clients g where g.tenant_id = $1 and g.settings -> 'global' = 'true') and c.for_all_clients and ($3::text is null or e.client_id > $3)
                            order by e.client_id limit $4) every_one
             union all
            select * from (select k.client_id from connection_clients k
                            where k.tenant_id = $1 and k.connection_id = $2 and not c.for_all_clients and ($3 is null or k.client_id > $3)
                            order by k.client_id limit $4) those
            ) k on true
      where c.tenant_id = $1
        and c.connection_id = $2
      order by k.client_id
