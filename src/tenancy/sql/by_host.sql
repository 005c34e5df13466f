-- The tenant of a host, with its hosts and signing keys; the newest key first.
-- $1 host text
select t.tenant_id,
       t.settings,
       array(select o.host
               from tenant_hosts o
              where o.tenant_id = t.tenant_id
              order by o.host) as hosts,
       array(select k.public_key
               from signing_keys k
              where k.tenant_id = t.tenant_id
              order by k.created_at desc, k.kid) as public_keys,
       array(select k.private_key
               from signing_keys k
              where k.tenant_id = t.tenant_id
              order by k.created_at desc, k.kid) as private_keys
  from tenant_hosts h
  join tenants t
    on t.tenant_id = h.tenant_id
 where h.host = $1
