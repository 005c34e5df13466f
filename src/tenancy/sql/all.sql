select t.tenant_id,
            t.settings ->> 'domain' as domain,
            t.created_at
       from tenants t
      where t.tenant_id > $1
      order by t.tenant_id
      limit $2
