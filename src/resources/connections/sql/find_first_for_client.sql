-- Finds the oldest database connection that is enabled for a client: the one of a request that names none.
-- $1 tenant_id text
-- $2 client_id text
select c.connection_id,
       c.name,
       c.strategy,
       jsonb_strip_nulls(c.options) as options,
       true as is_enabled
  from connections c
 where c.tenant_id = $1
   and c.strategy = 'auth0'
   and case when c.for_all_clients
            then exists (select from clients e
                          where e.tenant_id = $1
                            and e.client_id = $2)
            else exists (select from connection_clients k
                          where k.tenant_id = $1
                            and k.connection_id = c.connection_id
                            and k.client_id = $2) end
 order by c.created_at,
          c.name
 limit 1
