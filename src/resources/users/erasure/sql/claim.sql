-- Claims the deletion that is due for longest, until the transaction ends. A deletion that another instance
-- has claimed is passed over.
-- $1 now timestamptz
-- $2 tenant_id text: null for all tenants
select d.tenant_id,
       d.connection_id,
       d.name,
       d.author::text,
       d.deleted_at,
       d.batch_size,
       d.skipped_users,
       d.failures
  from connection_deletions d
 where d.due_at <= $1
   and ($2::text is null or d.tenant_id = $2)
 order by d.due_at
 limit 1
   for update skip locked
