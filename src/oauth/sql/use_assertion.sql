with swept as (
         delete from client_assertions
          where tenant_id = $1
            and client_id = $2
            and expires_at < now() - interval '1 minute'
     )
     insert into client_assertions (tenant_id, client_id, digest, expires_at)
     values ($1, $2, $3, to_timestamp($4::bigint))
         on conflict do nothing
