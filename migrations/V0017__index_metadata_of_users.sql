-- refinery: no-transaction
-- What a search by equality of metadata finds, built while users are written.
--
-- A change of one key enters the whole document again. That is cheapest many at a time, so changes wait in a list; it is
-- kept so short that looking through it costs a search nothing to speak of. See bench/README.md.
drop index concurrently if exists users_metadata_idx;
-- refinery: next-statement
create index concurrently users_metadata_idx on users
    using gin (searchable(tenant_id, user_metadata) jsonb_path_ops, searchable(tenant_id, app_metadata) jsonb_path_ops)
    with (fastupdate = on, gin_pending_list_limit = 512);
