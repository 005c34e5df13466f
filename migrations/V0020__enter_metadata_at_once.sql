-- refinery: no-transaction
-- The list in which changes waited to be entered into the index of metadata: every search read it, whoever found it full
-- waited for all of it, and where the index does not fit into memory it grew faster than it was worked off. See
-- bench/README.md.
alter index users_metadata_idx set (fastupdate = off);
-- refinery: next-statement
alter index users_metadata_idx reset (gin_pending_list_limit);
-- refinery: next-statement
select gin_clean_pending_list('users_metadata_idx');
