-- Creates users, each with its identity, its password and the mail that verifies its address. Returns a row for each
-- user that was created or whose metadata is too large; none if the connection is gone.
-- In a batch, a user whose identifiers are taken is passed over. Alone, it violates the constraint that tells which
-- identifier is taken.
-- `for key share` keeps the connection, the very one that was looked up, from being deleted before the user
-- exists: a deletion erases the users that it finds.
-- $1 tenant_id text[]
-- $2 user_id text[]
-- $3 profile text[]: a JSON object each
-- $4 user_metadata text[]: JSON, or null
-- $5 app_metadata text[]: JSON, or null
-- $6 identities text[]: the JSON array as it is answered
-- $7 created_at timestamptz[]
-- $8 provider text[]
-- $9 identity_id text[]
-- $10 connection text[]: its name
-- $11 password_hash text[]: null without a password
-- $12 author text[]: a journal_author each
-- $13 issue text[]: a ticket and the mail that carries it, a JSON object; null without a mail
-- $14 connection_id text[]
-- $15 max_metadata_bytes bigint[]: the limit of each metadata field
-- $16 is_alone boolean
with request as (
    select n.*,
           n.profile::jsonb as document,
           n.profile::jsonb ->> 'email' as email,
           n.profile::jsonb ->> 'username' as username,
           n.profile::jsonb ->> 'phone_number' as phone_number,
           merge_metadata(null, n.user_metadata::jsonb) as new_user_metadata,
           nullif(merge_metadata(null, n.app_metadata::jsonb), '{}') as new_app_metadata
      from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
                  $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
                  $15::bigint[])
      with ordinality as n(
               tenant_id, user_id, profile, user_metadata, app_metadata, identities, created_at, provider,
               identity_id, connection, password_hash, author, issue, connection_id, max_metadata_bytes, n)
), sized as (
    select r.*,
           case when not metadata_fits(r.new_user_metadata, null, r.max_metadata_bytes) then 'user_metadata'
                when not metadata_fits(r.new_app_metadata, null, r.max_metadata_bytes) then 'app_metadata'
                end as oversized_field
      from request r
), connection as (
    select c.tenant_id,
           c.connection_id
      from (select distinct tenant_id, connection_id from request) r
      join connections c
        on c.tenant_id = r.tenant_id
       and c.connection_id = r.connection_id
       for key share of c
), accepted as (
    select s.*
      from sized s
      join connection c
        on c.tenant_id = s.tenant_id
       and c.connection_id = s.connection_id
     where s.oversized_field is null
       and ($16 or not (
               exists (select from users u
                        where u.tenant_id = s.tenant_id
                          and u.user_id = s.user_id)
               or exists (select from identities i
                           where i.tenant_id = s.tenant_id
                             and i.provider = s.provider
                             and i.identity_id = s.identity_id)
               or exists (select from identities i
                           where i.tenant_id = s.tenant_id
                             and i.connection = s.connection
                             and i.email = s.email)
               or exists (select from identities i
                           where i.tenant_id = s.tenant_id
                             and i.connection = s.connection
                             and i.username = s.username)
               or exists (select from identities i
                           where i.tenant_id = s.tenant_id
                             and i.connection = s.connection
                             and i.phone_number = s.phone_number)
               or exists (select from request o
                           where o.n < s.n
                             and o.tenant_id = s.tenant_id
                             and (o.user_id = s.user_id
                                  or (o.connection = s.connection
                                      and (o.email = s.email
                                           or o.username = s.username
                                           or o.phone_number = s.phone_number))))))
), created as (
    insert into users (
        tenant_id, user_id, profile, user_metadata, app_metadata, identities, created_at, updated_at)
    select a.tenant_id,
           a.user_id,
           a.document,
           a.new_user_metadata,
           a.new_app_metadata,
           a.identities::jsonb,
           a.created_at,
           a.created_at
      from accepted a
 returning *
), identity as (
    insert into identities (
        tenant_id, provider, identity_id, user_id, connection, email, username, phone_number)
    select a.tenant_id,
           a.provider,
           a.identity_id,
           a.user_id,
           a.connection,
           a.email,
           a.username,
           a.phone_number
      from accepted a
), password as (
    insert into passwords (tenant_id, provider, identity_id, hash)
    select a.tenant_id,
           a.provider,
           a.identity_id,
           a.password_hash
      from accepted a
     where a.password_hash is not null
), issue as (
    select a.tenant_id,
           a.provider,
           a.identity_id,
           a.email,
           i.*
      from accepted a
     cross join lateral jsonb_to_record(a.issue::jsonb) as i(
               kind text, digest text, client_id text, result_url text, mark_email_as_verified boolean,
               include_email_in_redirect boolean, created_at timestamptz, expires_at timestamptz,
               mail_id text, job_id text, subject text, content text)
), ticket as (
    insert into tickets (
        tenant_id, digest, kind, provider, identity_id, email, client_id, result_url,
        mark_email_as_verified, include_email_in_redirect, created_at, expires_at)
    select i.tenant_id,
           decode(i.digest, 'base64'),
           i.kind,
           i.provider,
           i.identity_id,
           i.email,
           i.client_id,
           i.result_url,
           coalesce(i.mark_email_as_verified, false),
           coalesce(i.include_email_in_redirect, false),
           i.created_at,
           i.expires_at
      from issue i
     where i.digest is not null
), mail as (
    insert into mails (
        tenant_id, mail_id, kind, digest, job_id, recipient, subject, content,
        created_at, expires_at, next_attempt_at)
    select i.tenant_id,
           i.mail_id,
           i.kind,
           decode(i.digest, 'base64'),
           i.job_id,
           i.email,
           i.subject,
           decode(i.content, 'base64'),
           i.created_at,
           i.expires_at,
           i.created_at
      from issue i
     where i.mail_id is not null
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select a.tenant_id,
           'user.created',
           a.user_id,
           user_changes(null, a.document, null, a.new_user_metadata, null, a.new_app_metadata)
           || case when a.password_hash is not null then jsonb '{"password": {"after": "*****"}}' else '{}' end,
           (a.author::journal_author).*
      from accepted a
)
select a.n,
       null as oversized_field,
       u.user_id,
       u.profile::text,
       u.identities::text,
       u.user_metadata::text,
       u.app_metadata::text,
       u.version,
       u.created_at,
       u.updated_at
  from created u
  join accepted a
    on a.tenant_id = u.tenant_id
   and a.user_id = u.user_id
 union all
select s.n,
       s.oversized_field,
       s.user_id,
       s.profile,
       s.identities,
       null,
       null,
       0,
       s.created_at,
       s.created_at
  from sized s
 where s.oversized_field is not null
