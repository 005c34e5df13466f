select u.user_id, i.provider, i.identity_id, c.connection_id, c.strategy,
            (c.for_all_clients or coalesce((select k.connection_id from connection_clients k where k.tenant_id = c.tenant_id and k.connection_id >= c.connection_id order by k.connection_id limit 1) = c.connection_id, false)) as is_enabled, case when i.provider || '|' || i.identity_id = u.user_id then u.profile ->> 'email' else i.email end as email,
            coalesce(u.profile -> 'email_verified' = 'true', false) as email_verified, $5::text is null or exists (select from clients where tenant_id = $1 and client_id = $5) as client_exists
       from users u
       left join identities i
         on i.tenant_id = u.tenant_id
        and i.user_id = u.user_id
        and case when $3::text is null then i.provider || '|' || i.identity_id = u.user_id
                 else i.provider = $3 and i.identity_id = $4 end
       left join connections c on c.tenant_id = i.tenant_id and c.name = i.connection
      where u.tenant_id = $1
        and u.user_id = $2
