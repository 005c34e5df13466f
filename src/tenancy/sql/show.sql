select jsonb_build_object(
            'name', t.tenant_id,
            'created_at', t.created_at,
            'updated_at', t.updated_at,
            'settings', t.settings,
            'hosts', (select coalesce(jsonb_agg(h.host order by h.host), '[]') from tenant_hosts h where h.tenant_id = t.tenant_id),
            'signing_keys', (select coalesce(jsonb_agg(k.kid order by k.created_at), '[]') from signing_keys k where k.tenant_id = t.tenant_id),
            'connections', (select coalesce(jsonb_agg(jsonb_build_object('id', c.connection_id, 'name', c.name, 'options', c.options, 'enabled_clients', case when not c.for_all_clients then (
                                     select coalesce(jsonb_agg(k.client_id order by k.client_id), '[]') from connection_clients k
                                      where k.tenant_id = c.tenant_id and k.connection_id = c.connection_id) end) order by c.name), '[]')
                              from connections c where c.tenant_id = t.tenant_id),
            'clients', (select coalesce(jsonb_agg(jsonb_build_object('client_id', c.client_id, 'name', c.settings -> 'name', 'app_type', c.settings -> 'app_type') order by c.created_at, c.client_id), '[]')
                          from (select * from clients c where c.tenant_id = t.tenant_id and c.settings -> 'global' is distinct from 'true' order by c.created_at, c.client_id limit 100) c))
       from tenants t
      where t.tenant_id = $1
