-- Reads the settings of a tenant.
-- $1 tenant_id text
select t.tenant_settings as settings,
       etag(t.tenant_settings_version, t.created_at) as etag
  from tenants t
 where t.tenant_id = $1
