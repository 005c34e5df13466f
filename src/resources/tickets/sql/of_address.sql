select u.user_id, i.provider, i.identity_id, c.connection_id, c.strategy,
            (c.for_all_clients or coalesce((select k.connection_id from connection_clients k where k.tenant_id = c.tenant_id and k.connection_id >= c.connection_id order by k.connection_id limit 1) = c.connection_id, false)) as is_enabled, case when i.provider || '|' || i.identity_id = u.user_id then u.profile ->> 'email' else i.email end as email,
            coalesce(u.profile -> 'email_verified' = 'true', false) as email_verified, $4::text is null or exists (select from clients where tenant_id = $1 and client_id = $4) as client_exists
       from connections c
       left join identities i on i.tenant_id = c.tenant_id and i.email = $3 and i.connection = c.name
       left join users u on u.tenant_id = i.tenant_id and u.user_id = i.user_id
      where c.tenant_id = $1
        and c.connection_id = $2
