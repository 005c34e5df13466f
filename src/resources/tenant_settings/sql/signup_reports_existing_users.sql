-- Reads the flag enable_public_signup_user_exists_error, which is on by default.
-- $1 tenant_id text
select coalesce((t.tenant_settings #>> '{flags,enable_public_signup_user_exists_error}')::boolean, true) as is_reported
  from tenants t
 where t.tenant_id = $1
