-- Uses a ticket to mark the address of the primary identity as verified. No row means that the ticket cannot
-- be used.
-- The user is locked first, as every change of a user locks it, so that the conditions of the ticket hold
-- until the end; then the ticket is marked as used, which one of several concurrent uses can do.
-- $1 tenant_id text
-- $2 digest bytea
-- $3 now timestamptz
-- $4 author text: a journal_author
with before as (
    select u.tenant_id,
           u.user_id,
           u.profile,
           t.digest,
           i.provider,
           i.identity_id
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
       and t.kind = 'email_verification'
       and t.expires_at > $3
       and t.email = identity_email(i.provider, i.identity_id, i.email, u.user_id, u.profile)
       and is_primary_identity(i.provider, i.identity_id, u.user_id)
       for update of u
), used as (
    update tickets t
       set used_at = $3
      from before b
     where t.tenant_id = $1
       and t.digest = b.digest
       and t.used_at is null
 returning b.*
), changed as (
    update users u
       set profile = u.profile || '{"email_verified": true}',
           version = u.version + 1,
           updated_at = clock_timestamp()
      from used b
     where u.tenant_id = $1
       and u.user_id = b.user_id
       and u.profile -> 'email_verified' is distinct from 'true'
 returning u.tenant_id,
           u.user_id,
           u.profile,
           b.profile as old_profile
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select tenant_id,
           'user.updated',
           user_id,
           journal_changes(old_profile, profile),
           ($4::journal_author).*
      from changed
)
select user_id
  from used
