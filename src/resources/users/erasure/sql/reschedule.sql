-- Schedules the next run of a deletion.
-- $1 tenant_id text
-- $2 connection_id text
-- $3 due_at timestamptz
-- $4 batch_size integer
-- $5 skipped_users text[]
-- $6 failures integer
update connection_deletions d
   set due_at = $3,
       batch_size = $4,
       skipped_users = $5,
       failures = $6
 where d.tenant_id = $1
   and d.connection_id = $2
