-- Locks an API, by its id or its identifier, before its deletion. A grant that another transaction creates for the API
-- holds a key share lock on it, so the deletion, a statement of its own, starts after that commit and finds the grant.
-- $1 tenant_id text
-- $2 id_or_identifier text
select s.resource_server_id
  from resource_servers s
 where s.tenant_id = $1
   and (s.resource_server_id = $2 or s.identifier = $2)
 order by s.resource_server_id = $2 desc
 limit 1
   for update
