-- Locks a client before its deletion, or before a change of its sealed secrets. A grant, a credential or an enabled
-- connection that another transaction creates for the client holds a key share lock on it, so the deletion, a statement
-- of its own, starts after that commit and finds them.
-- $1 tenant_id text
-- $2 client_id text
select c.secrets
  from clients c
 where c.tenant_id = $1
   and c.client_id = $2
   for update
