-- The blocks of a user as a JSON array. No row means that the user does not exist.
-- $1 tenant_id text
-- $2 user_id text
-- $3 only_where_enabled boolean: leaves out connections that do not count attempts
with accounts as (
    select user_id as account
      from users
     where tenant_id = $1
       and user_id = $2
), blocked as (
    select a.identifier,
           a.ip,
           a.connection
      from accounts
      join login_attempts a
        on a.tenant_id = $1
       and a.account = accounts.account
     where a.count >= attempt_limit(a.ip)
       and not attempts_lapsed(a.ip, a.attempted_at)
       and (
               not $3::boolean
               or exists (
                      select
                        from connections c
                       where c.tenant_id = $1
                         and c.name = a.connection
                         and c.options -> 'brute_force_protection' = 'true'
                  )
           )
)
select (
           select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                      'identifier', identifier,
                      'ip', nullif(ip, ''),
                      'connection', connection
                  )) order by connection, ip), '[]')::text
             from blocked
       ) as blocks
 where exists (select from accounts)
