-- Takes the advisory lock of builds and drops of search indexes, if it is free. The end of the session releases it.
-- $1 key bigint
select pg_try_advisory_lock($1) as locked
