-- A tenant as one document for operators, without secrets. It lists the 100 oldest clients and no global client.
-- $1 tenant_id text
select jsonb_build_object(
           'name', t.tenant_id,
           'created_at', t.created_at,
           'updated_at', t.updated_at,
           'settings', t.settings,
           'hosts', (
               select coalesce(jsonb_agg(h.host order by h.host), '[]')
                 from tenant_hosts h
                where h.tenant_id = $1
           ),
           'signing_keys', (
               select coalesce(jsonb_agg(k.kid order by k.created_at), '[]')
                 from signing_keys k
                where k.tenant_id = $1
           ),
           'connections', (
               select coalesce(jsonb_agg(
                          jsonb_build_object(
                              'id', c.connection_id,
                              'name', c.name,
                              'options', c.options,
                              'enabled_clients', case when not c.for_all_clients then (
                                  select coalesce(jsonb_agg(e.client_id order by e.client_id), '[]')
                                    from connection_clients e
                                   where e.tenant_id = $1
                                     and e.connection_id = c.connection_id
                              ) end
                          ) order by c.name), '[]')
                 from connections c
                where c.tenant_id = $1
           ),
           'clients', (
               select coalesce(jsonb_agg(
                          jsonb_build_object(
                              'client_id', c.client_id,
                              'name', c.settings -> 'name',
                              'app_type', c.settings -> 'app_type'
                          ) order by c.created_at, c.client_id), '[]')
                 from (select *
                         from clients
                        where tenant_id = $1
                          and settings -> 'global' is distinct from 'true'
                        order by created_at, client_id
                        limit 100) c
           )
       ) as document
  from tenants t
 where t.tenant_id = $1
