-- Creates a user with its identity, its password and the mail that verifies its address. Returns no row if
-- the connection is gone.
-- `for key share` keeps the connection, the very one that was looked up, from being deleted before the user
-- exists: a deletion erases the users that it finds.
-- $1 tenant_id text
-- $2 user_id text
-- $3 profile jsonb
-- $4 user_metadata jsonb
-- $5 app_metadata jsonb
-- $6 identities jsonb: the array as it is answered
-- $7 created_at timestamptz
-- $8 provider text
-- $9 identity_id text
-- $10 connection text: its name
-- $11 password_hash text: null without a password
-- $12 author text: a journal_author
-- $13 issue jsonb: a ticket and the mail that carries it; null without a mail
-- $14 connection_id text
-- $15 max_metadata_bytes bigint: the limit of each metadata field
with connection as (
    select c.tenant_id,
           c.name
      from connections c
     where c.tenant_id = $1
       and c.name = $10
       and c.connection_id = $14
       for key share
), created as (
    insert into users (
        tenant_id, user_id, profile, user_metadata, app_metadata, identities, created_at, updated_at)
    select c.tenant_id,
           $2,
           $3,
           bounded_metadata('user_metadata', null, merge_metadata(null, $4), $15),
           nullif(bounded_metadata('app_metadata', null, merge_metadata(null, $5), $15), '{}'),
           $6,
           $7,
           $7
      from connection c
 returning *
), identity as (
    insert into identities (
        tenant_id, provider, identity_id, user_id, connection, email, username, phone_number)
    select u.tenant_id,
           $8,
           $9,
           u.user_id,
           $10,
           u.profile ->> 'email',
           u.profile ->> 'username',
           u.profile ->> 'phone_number'
      from created u
), password as (
    insert into passwords (tenant_id, provider, identity_id, hash)
    select u.tenant_id,
           $8,
           $9,
           $11
      from created u
     where $11::text is not null
), issue as (
    select i.*
      from jsonb_to_record($13::jsonb) as i(
               kind text, digest text, client_id text, result_url text, mark_email_as_verified boolean,
               include_email_in_redirect boolean, created_at timestamptz, expires_at timestamptz,
               mail_id text, job_id text, subject text, content text)
), ticket as (
    insert into tickets (
        tenant_id, digest, kind, provider, identity_id, email, client_id, result_url,
        mark_email_as_verified, include_email_in_redirect, created_at, expires_at)
    select u.tenant_id,
           decode(i.digest, 'base64'),
           i.kind,
           $8,
           $9,
           u.profile ->> 'email',
           i.client_id,
           i.result_url,
           coalesce(i.mark_email_as_verified, false),
           coalesce(i.include_email_in_redirect, false),
           i.created_at,
           i.expires_at
      from created u
     cross join issue i
     where i.digest is not null
), mail as (
    insert into mails (
        tenant_id, mail_id, kind, digest, job_id, recipient, subject, content,
        created_at, expires_at, next_attempt_at)
    select u.tenant_id,
           i.mail_id,
           i.kind,
           decode(i.digest, 'base64'),
           i.job_id,
           u.profile ->> 'email',
           i.subject,
           decode(i.content, 'base64'),
           i.created_at,
           i.expires_at,
           i.created_at
      from created u
     cross join issue i
     where i.mail_id is not null
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select u.tenant_id,
           'user.created',
           u.user_id,
           user_changes(null, u.profile, null, u.user_metadata, null, u.app_metadata)
           || case when $11::text is not null then jsonb '{"password": {"after": "*****"}}' else '{}' end,
           ($12::journal_author).*
      from created u
)
select u.user_id,
       u.profile::text,
       u.identities::text,
       u.user_metadata::text,
       u.app_metadata::text,
       u.version,
       u.created_at,
       u.updated_at
  from created u
