-- The blocks of an identifier as a JSON array.
-- The accounts of an identifier are the users with it, and `-identifier`, under which attempts are counted
-- that match no user.
-- $1 tenant_id text
-- $2 identifier text: an e-mail address, a username or a phone number, in lower case
-- $3 only_where_enabled boolean: leaves out connections that do not count attempts
with accounts as (
    select '-' || $2::text as account
     union
    select user_id
      from identities
     where tenant_id = $1
       and email = $2
     union
    select user_id
      from identities
     where tenant_id = $1
       and username = $2
     union
    select user_id
      from identities
     where tenant_id = $1
       and phone_number = $2
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
