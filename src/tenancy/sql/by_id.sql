-- A tenant by its name; otherwise the same as tenancy.by_host.
-- $1 tenant_id text
select t.tenant_id,
       t.settings,
       array(select o.host
               from tenant_hosts o
              where o.tenant_id = $1
              order by o.host) as hosts,
       array(select k.public_key
               from signing_keys k
              where k.tenant_id = $1
              order by k.created_at desc, k.kid) as public_keys,
       array(select k.private_key
               from signing_keys k
              where k.tenant_id = $1
              order by k.created_at desc, k.kid) as private_keys
  from tenants t
 where t.tenant_id = $1
