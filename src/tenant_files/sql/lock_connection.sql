-- Locks a connection, so that no other change of its clients runs between tenant_files.put_connection's read and write.
-- $1 tenant_id text
-- $2 name text
select
  from connections
 where tenant_id = $1
   and name = $2
   for update
