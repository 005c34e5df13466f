with accounts as (
             select '-' || $2::text as account
             union
             select i.user_id from identities i where i.tenant_id = $1 and i.email = $2
             union
             select i.user_id from identities i where i.tenant_id = $1 and i.username = $2
             union
             select i.user_id from identities i where i.tenant_id = $1 and i.phone_number = $2
         )
         select (select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('identifier', a.identifier, 'ip', nullif(a.ip, ''), 'connection', a.connection))
                                           order by a.connection, a.ip), '[]')::text
                   from accounts
                   join login_attempts a on a.tenant_id = $1 and a.account = accounts.account
                  where a.count >= case a.ip when '' then 100 else 10 end
                    and not (a.attempted_at < now() - case a.ip when '' then interval '1 day' else interval '30 days' end)
                    and (not $3::boolean
                         or exists (select from connections c
                                     where c.tenant_id = $1
                                       and c.name = a.connection
                                       and c.options -> 'brute_force_protection' = 'true'))) as blocks
          where exists (select from accounts)
