select pg_advisory_xact_lock(hashtextextended('provision tenant_id ' || $1::text, 0))
