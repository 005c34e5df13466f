-- Schedules the next run of a deletion.
-- $1 tenant_id text
-- $2 connection_id text
-- $3 due_at timestamptz
update connection_deletions d
   set due_at = $3
 where d.tenant_id = $1
   and d.connection_id = $2
