-- Serializes the applications of a tenant's files until the transaction ends.
-- $1 tenant_id text
select pg_advisory_xact_lock(hashtextextended('provision tenant_id ' || $1::text, 0))
