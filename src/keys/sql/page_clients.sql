select array[tenant_id, client_id] as keys,
            client_secret as sealed
       from clients
      where (tenant_id, client_id) > (($1::text[])[1], ($1::text[])[2])
        and substring(client_secret from 1 for 8) <> $2
      order by tenant_id, client_id
      limit $3
