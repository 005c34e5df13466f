select t.tenant_id,
            t.settings,
            array(select h.host from tenant_hosts h where h.tenant_id = t.tenant_id order by h.host) as hosts,
            array(select k.public_key from signing_keys k where k.tenant_id = t.tenant_id order by k.created_at desc, k.kid) as public_keys,
            array(select k.private_key from signing_keys k where k.tenant_id = t.tenant_id order by k.created_at desc, k.kid) as private_keys
       from tenants t
      where t.tenant_id = $1
