-- refinery: no-transaction
-- The list in which changes waited to be entered into the index of metadata: every search read it, whoever found it full
-- waited for all of it, and nothing ends it where it grows faster than it is worked off. See bench/README.md.
alter index users_metadata_idx set (fastupdate = off);
-- refinery: next-statement
alter index users_metadata_idx reset (gin_pending_list_limit);
-- refinery: next-statement
select gin_clean_pending_list('users_metadata_idx');
