-- Takes the lock of migrations and index builds if it is free, until the session ends.
-- $1 lock bigint
select pg_try_advisory_lock($1)
