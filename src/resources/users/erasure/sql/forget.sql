-- Ends a deletion.
-- $1 tenant_id text
-- $2 connection_id text
delete from connection_deletions d
 where d.tenant_id = $1
   and d.connection_id = $2
