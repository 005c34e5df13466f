-- Finds a connection by its name, as the rules of its users need it. Nulls among the options stand for defaults; the
-- options of other strategies have no fixed form and are left out.
-- `is_enabled` uses an index probe (`>= id order by id limit 1`) instead of `exists`, so that its cost does not depend
-- on the clients of other connections.
-- $1 tenant_id text
-- $2 name text
select c.connection_id,
       c.name,
       c.strategy,
       case when c.strategy = 'auth0' then jsonb_strip_nulls(c.options) else '{}' end as options,
       c.for_all_clients
       or coalesce((select k.connection_id
                      from connection_clients k
                     where k.tenant_id = $1
                       and k.connection_id >= c.connection_id
                     order by k.connection_id
                     limit 1) = c.connection_id, false) as is_enabled
  from connections c
 where c.tenant_id = $1
   and c.name = $2
