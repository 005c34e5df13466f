select c.connection_id,
            c.name,
            c.strategy,
            jsonb_strip_nulls(c.options) as options,
            (c.for_all_clients or coalesce((select k.connection_id from connection_clients k where k.tenant_id = c.tenant_id and k.connection_id >= c.connection_id order by k.connection_id limit 1) = c.connection_id, false)) as is_enabled
       from connections c
      where c.tenant_id = $1
        and c.strategy = 'auth0'
        and case when c.for_all_clients then exists (select from clients k where k.tenant_id = $1 and k.client_id = $2) else exists (select from connection_clients k where k.tenant_id = $1 and k.connection_id = c.connection_id and k.client_id = $2) end
        and c.name = $3
