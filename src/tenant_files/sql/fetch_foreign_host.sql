-- One of a file's hosts that belongs to another tenant. Global by purpose: it reads the hosts of all tenants.
-- $1 tenant_id text
-- $2 hosts text[]
select host,
       tenant_id
  from tenant_hosts
 where tenant_id <> $1
   and host = any($2::text[])
 order by host
 limit 1
