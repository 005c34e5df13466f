-- Locks a connection until the transaction that changes it ends; its present options have masked secrets. A statement of its own, because the change needs a
-- snapshot from after the wait: one from before it misses the clients that a concurrent change enabled.
-- $1 tenant_id text
-- $2 connection_id text
select c.strategy,
       c.options,
       c.secrets
  from connections c
 where c.tenant_id = $1
   and c.connection_id = $2
   for update
