select host, tenant_id
       from tenant_hosts
      where tenant_id <> $1
        and host = any($2::text[])
      order by host
      limit 1
