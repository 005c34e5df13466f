select array[tenant_id, resource_server_id] as keys,
            signing_secret as sealed
       from resource_servers
      where (tenant_id, resource_server_id) > (($1::text[])[1], ($1::text[])[2])
        and substring(signing_secret from 1 for 8) <> $2
      order by tenant_id, resource_server_id
      limit $3
