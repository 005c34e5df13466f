select array[tenant_id, kid] as keys,
            private_key as sealed
       from signing_keys
      where (tenant_id, kid) > (($1::text[])[1], ($1::text[])[2])
        and substring(private_key from 1 for 8) <> $2
      order by tenant_id, kid
      limit $3
