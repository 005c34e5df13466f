-- Whether a tenant has a signing key.
-- $1 tenant_id text
select exists (
           select
             from signing_keys
            where tenant_id = $1
       ) as has_signing_key
