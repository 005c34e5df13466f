select array[tenant_id, connection_id] as keys,
            secrets as sealed
       from connections
      where (tenant_id, connection_id) > (($1::text[])[1], ($1::text[])[2])
        and substring(secrets from 1 for 8) <> $2
      order by tenant_id, connection_id
      limit $3
