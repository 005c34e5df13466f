-- A login with the right password: updates the user, deletes the failed attempts, replaces an outdated hash,
-- deletes the user's expired access tokens and stores the new one.
-- The user is locked first. The login does not happen while an administrator blocks the user, or if the hash
-- is no longer the one that was verified: `other_hash` is then the present one. No row means that the user
-- has no such identity any more. Tokens of the login are not issued before `valid_from`, whatever the clocks are.
-- The attempts of the IP address are deleted before those of all addresses, in the order in which they are
-- locked.
-- $1 tenant_id text
-- $2 user_id text
-- $3 last_login text: as the document shows it
-- $4 last_ip text: or null
-- $5 connection text
-- $6 attempt_ip text: under which the attempt was counted
-- $7 provider text
-- $8 identity_id text
-- $9 hash text: that was verified
-- $10 new_hash text: to replace it, or null
-- $11 token_digest bytea: of an access token to store, or null
-- $12 client_id text: of the token
-- $13 scope text: of the token
-- $14 expires_at timestamptz: of the token
-- $15 author text: a journal_author
with before as (
    select u.tenant_id,
           u.user_id,
           u.profile,
           p.hash
      from users u
      join passwords p
        on p.tenant_id = $1
       and p.provider = $7
       and p.identity_id = $8
     where u.tenant_id = $1
       and u.user_id = $2
       and u.identities @> jsonb_build_array(jsonb_build_object('provider', $7::text, 'user_id', $8::text))
       for update
), logged_in as (
    update users u
       set profile = u.profile || jsonb_strip_nulls(jsonb_build_object(
               'last_login', $3::text,
               'last_ip', $4::text,
               'logins_count', coalesce((u.profile ->> 'logins_count')::bigint, 0) + 1
           )),
           version = u.version + 1,
           updated_at = clock_timestamp()
      from before b
     where u.tenant_id = $1
       and u.user_id = b.user_id
       and b.profile -> 'blocked' is distinct from 'true'
       and b.hash = $9
 returning u.*
), attempts_of_address as (
    delete from login_attempts a
     using logged_in l
     where a.tenant_id = $1
       and a.account = l.user_id
       and a.connection = $5
       and a.ip = $6
 returning a.ip
), attempts_of_all_addresses as (
    delete from login_attempts a
     using logged_in l
     where a.tenant_id = $1
       and a.account = l.user_id
       and a.connection = $5
       and a.ip = ''
       and (select count(*) from attempts_of_address) >= 0
), rehashed as (
    update passwords p
       set hash = $10,
           updated_at = clock_timestamp()
      from logged_in l
     where p.tenant_id = $1
       and p.provider = $7
       and p.identity_id = $8
       and $10::text is not null
), expired as (
    delete from access_tokens t
     using logged_in l
     where t.tenant_id = $1
       and t.user_id = l.user_id
       and t.expires_at < now()
), token as (
    insert into access_tokens (tenant_id, digest, user_id, client_id, scope, issued_at, expires_at)
    select tenant_id,
           $11,
           user_id,
           $12,
           $13,
           greatest(clock_timestamp(), created_at, password_changed_at),
           $14
      from logged_in
     where $11::bytea is not null
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select tenant_id,
           'user.logged_in',
           user_id,
           jsonb_build_object('connection', $5),
           ($15::journal_author).*
      from logged_in
)
select nullif(b.hash, $9) as other_hash,
       u.user_id is null as is_blocked,
       greatest(u.created_at, u.password_changed_at) as valid_from,
       u.user_id,
       u.profile::text,
       u.identities::text,
       u.user_metadata::text,
       u.app_metadata::text,
       u.version,
       u.created_at,
       u.updated_at
  from before b
  left join logged_in u on true
