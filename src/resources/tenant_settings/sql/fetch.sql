select t.tenant_settings, etag(t.tenant_settings_version, t.created_at) as etag
       from tenants t
      where t.tenant_id = $1
