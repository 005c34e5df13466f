-- Finds connections by their names, as the rules of their users need them. Nulls among the options stand for
-- defaults; the options of other strategies have no fixed form and are left out.
-- `is_enabled` uses an index probe (`>= id order by id limit 1`) instead of `exists`, so that its cost does not depend
-- on the clients of other connections.
-- $1 tenant_id text[]
-- $2 name text[]
select r.n,
       c.connection_id,
       c.name,
       c.strategy,
       case when c.strategy = 'auth0' then jsonb_strip_nulls(c.options) else '{}' end as options,
       c.for_all_clients
       or coalesce((select k.connection_id
                      from connection_clients k
                     where k.tenant_id = c.tenant_id
                       and k.connection_id >= c.connection_id
                     order by k.connection_id
                     limit 1) = c.connection_id, false) as is_enabled
  from unnest($1::text[], $2::text[]) with ordinality as r(tenant_id, name, n)
  join connections c
    on c.tenant_id = r.tenant_id
   and c.name = r.name
