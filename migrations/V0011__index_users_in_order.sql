-- Lists of users are in the order of their creation. A PATCH changes no column of this index, so it stays within its page.
create index users_created_at_idx on users (tenant_id, created_at, user_id);

-- Totals and pages far behind are counted in the index alone, as long as vacuum has told which pages all can see. By
-- default it comes only after a fifth of all users has changed; five times as often it has a fifth as much to do.
alter table users set (autovacuum_vacuum_scale_factor = 0.04, autovacuum_vacuum_insert_scale_factor = 0.04);
