select exists (select from signing_keys where tenant_id = $1)
