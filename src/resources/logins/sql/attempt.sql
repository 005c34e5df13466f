with person as (
             select found.user_id, found.provider, found.identity_id, p.hash
               from (select 1 as rank, i.* from identities i where i.tenant_id = $1 and i.email = $3 and i.connection = $2
                     union all
                     select 2, i.* from identities i where i.tenant_id = $1 and i.phone_number = $4 and i.connection = $2
                     union all
                     select 3, i.* from identities i where i.tenant_id = $1 and i.username = $5 and i.connection = $2) found
               left join passwords p
                 on p.tenant_id = $1 and p.provider = found.provider and p.identity_id = found.identity_id
              order by found.rank
              limit 1
         ), of_address as (
             insert into login_attempts as a (tenant_id, account, connection, ip, identifier, count, attempted_at)
             select $1, coalesce((select user_id from person), '-' || $6), $2, $7, $6, 1, now()
              where $8::boolean
                 on conflict (tenant_id, account, connection, ip)
                 do update set count = case when a.attempted_at < now() - case a.ip when '' then interval '1 day' else interval '30 days' end then 1 else a.count + 1 end,
                               identifier = excluded.identifier,
                               attempted_at = excluded.attempted_at
                      where a.count < case a.ip when '' then 100 else 10 end or a.attempted_at < now() - case a.ip when '' then interval '1 day' else interval '30 days' end
          returning a.account
         ), of_account as (
             insert into login_attempts as a (tenant_id, account, connection, ip, identifier, count, attempted_at)
             select $1, account, $2, '', $6, 1, now()
               from of_address
                 on conflict (tenant_id, account, connection, ip)
                 do update set count = case when a.attempted_at < now() - case a.ip when '' then interval '1 day' else interval '30 days' end then 1 else a.count + 1 end,
                               identifier = excluded.identifier,
                               attempted_at = excluded.attempted_at
                      where a.count < case a.ip when '' then 100 else 10 end or a.attempted_at < now() - case a.ip when '' then interval '1 day' else interval '30 days' end
          returning a.account
         )
         select not $8 or exists (select from of_account) as may_try,
                person.user_id,
                person.provider,
                person.identity_id,
                person.hash
           from (values (1)) as one
           left join person on true
