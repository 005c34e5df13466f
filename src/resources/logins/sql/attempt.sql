-- Counts an attempt to log in, and finds the identity and its password hash. It precedes the verification of
-- the password, so concurrent guesses cannot exceed the limit. An identifier that matches no user is counted
-- as the account `-identifier`.
-- An e-mail address precedes a phone number, and that a username. The row of the IP address is locked before
-- the row of all addresses, as everywhere.
-- $1 tenant_id text
-- $2 connection text
-- $3 email text: the identifier if the connection uses e-mail addresses, or null
-- $4 phone_number text: likewise
-- $5 username text: likewise
-- $6 identifier text: lower case
-- $7 ip text
-- $8 is_counted boolean
with found as (
    select 1 as rank,
           provider,
           identity_id,
           user_id
      from identities
     where tenant_id = $1
       and email = $3
       and connection = $2
     union all
    select 2,
           provider,
           identity_id,
           user_id
      from identities
     where tenant_id = $1
       and phone_number = $4
       and connection = $2
     union all
    select 3,
           provider,
           identity_id,
           user_id
      from identities
     where tenant_id = $1
       and username = $5
       and connection = $2
), identity as (
    select f.user_id,
           f.provider,
           f.identity_id,
           p.hash
      from found f
      left join passwords p
        on p.tenant_id = $1
       and p.provider = f.provider
       and p.identity_id = f.identity_id
     order by f.rank
     limit 1
), of_address as (
    insert into login_attempts as a (tenant_id, account, connection, ip, identifier, count, attempted_at)
    select $1,
           coalesce((select user_id from identity), '-' || $6),
           $2,
           $7,
           $6,
           1,
           now()
     where $8::boolean
        on conflict (tenant_id, account, connection, ip)
        do update set count = case when attempts_lapsed(a.ip, a.attempted_at) then 1 else a.count + 1 end,
                      identifier = excluded.identifier,
                      attempted_at = excluded.attempted_at
     where a.count < attempt_limit(a.ip)
        or attempts_lapsed(a.ip, a.attempted_at)
 returning a.account
), of_all_addresses as (
    insert into login_attempts as a (tenant_id, account, connection, ip, identifier, count, attempted_at)
    select $1,
           account,
           $2,
           '',
           $6,
           1,
           now()
      from of_address
        on conflict (tenant_id, account, connection, ip)
        do update set count = case when attempts_lapsed(a.ip, a.attempted_at) then 1 else a.count + 1 end,
                      identifier = excluded.identifier,
                      attempted_at = excluded.attempted_at
     where a.count < attempt_limit(a.ip)
        or attempts_lapsed(a.ip, a.attempted_at)
 returning a.account
)
select not $8 or exists (select from of_all_addresses) as is_allowed,
       i.user_id,
       i.provider,
       i.identity_id,
       i.hash
  from (values (1)) as request
  left join identity i on true
