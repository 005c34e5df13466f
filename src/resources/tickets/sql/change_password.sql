-- Uses a ticket to set a password. No row means that the ticket cannot be used, or that the password has
-- changed since the ticket was created.
-- The user is locked first, as every change of a user locks it, so that the conditions of the ticket hold
-- until the end; then the ticket is marked as used, which one of several concurrent uses can do. Attempts are
-- locked in the order of logins, the row of all addresses last.
-- $1 tenant_id text
-- $2 digest bytea
-- $3 now timestamptz
-- $4 password_hash text
-- $5 profile jsonb: attributes to set
-- $6 author text: a journal_author
with before as (
    select u.tenant_id,
           u.user_id,
           u.profile,
           t.digest,
           i.provider,
           i.identity_id,
           t.password_since,
           t.mark_email_as_verified
      from tickets t
      join identities i
        on i.tenant_id = $1
       and i.provider = t.provider
       and i.identity_id = t.identity_id
      join users u
        on u.tenant_id = $1
       and u.user_id = i.user_id
     where t.tenant_id = $1
       and t.digest = $2
       and t.kind = 'password_change'
       and t.expires_at > $3
       and t.email = identity_email(i.provider, i.identity_id, i.email, u.user_id, u.profile)
       for update of u
), used as (
    update tickets t
       set used_at = $3
      from before b
     where t.tenant_id = $1
       and t.digest = b.digest
       and t.used_at is null
 returning b.*
), password as (
    insert into passwords (tenant_id, provider, identity_id, hash)
    select u.tenant_id,
           u.provider,
           u.identity_id,
           $4
      from used u
     where u.password_since is null
        or exists (
               select
                 from passwords p
                where p.tenant_id = $1
                  and p.provider = u.provider
                  and p.identity_id = u.identity_id
           )
        on conflict (tenant_id, provider, identity_id)
        do update set hash = excluded.hash,
                      updated_at = clock_timestamp()
     where passwords.updated_at = (select password_since from used)
 returning tenant_id
), changed as (
    update users u
       set profile = u.profile
               || $5::jsonb
               || case when b.mark_email_as_verified
                        and is_primary_identity(b.provider, b.identity_id, b.user_id)
                       then jsonb '{"email_verified": true}' else '{}' end,
           password_changed_at = clock_timestamp(),
           version = u.version + 1,
           updated_at = clock_timestamp()
      from used b
      join password p
        on p.tenant_id = b.tenant_id
     where u.tenant_id = $1
       and u.user_id = b.user_id
 returning u.tenant_id,
           u.user_id,
           u.profile,
           b.profile as old_profile
), attempts as (
    select a.account,
           a.connection,
           a.ip
      from login_attempts a
     where a.tenant_id = $1
       and a.account in (select user_id from changed)
     order by a.account, a.connection, a.ip desc
       for update
), forgotten as (
    delete from login_attempts a
     using attempts f
     where a.tenant_id = $1
       and a.account = f.account
       and a.connection = f.connection
       and a.ip = f.ip
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select tenant_id,
           'user.updated',
           user_id,
           coalesce(journal_changes(old_profile, profile), '{}') || '{"password": {"after": "*****"}}',
           ($6::journal_author).*
      from changed
)
select user_id
  from changed
