-- A page of the ids of the clients that a connection is enabled for: no row without the connection, one null without
-- clients. Each branch has its own order and limit, so that it reads its index no further than the page goes.
-- $1 tenant_id text
-- $2 connection_id text
-- $3 from text: the last id of the page before; null for the first page
-- $4 limit bigint
select enabled.client_id
  from connections c
  left join lateral (
           (select e.client_id
              from clients e
             where c.for_all_clients
               and e.tenant_id = $1
               and e.client_id is distinct from (select g.client_id
                                                   from clients g
                                                  where g.tenant_id = $1
                                                    and g.settings -> 'global' = 'true')
               and ($3::text is null or e.client_id > $3)
             order by e.client_id
             limit $4)
            union all
           (select k.client_id
              from connection_clients k
             where not c.for_all_clients
               and k.tenant_id = $1
               and k.connection_id = $2
               and ($3 is null or k.client_id > $3)
             order by k.client_id
             limit $4)
       ) enabled on true
 where c.tenant_id = $1
   and c.connection_id = $2
 order by enabled.client_id
