-- Creates a ticket for a new password and its mail, if an identity of the connection has the address.
-- Anybody can request one, so an identity gets at most ten an hour. Each request writes a journal entry,
-- known address or not: the operator sees both, and both cost one write.
-- Requests for an address run one after the other (`count_password_changes`), so the limit holds for simultaneous ones.
-- $1 tenant_id text
-- $2 email text: lower case
-- $3 connection text
-- $4 now timestamptz
-- $5 issue jsonb: Issue::parameter
-- $6 author text: a journal_author
with request as (
    select count_password_changes($1, $3, $2, $4::timestamptz - interval '1 hour') as previous
), target as (
    select i.tenant_id,
           i.provider,
           i.identity_id,
           i.user_id,
           identity_email(i.provider, i.identity_id, i.email, u.user_id, u.profile) as email,
           p.updated_at as password_since
      from request r
      join identities i
        on i.tenant_id = $1
       and i.email = $2
       and i.connection = $3
      join users u
        on u.tenant_id = $1
       and u.user_id = i.user_id
      left join passwords p
        on p.tenant_id = $1
       and p.provider = i.provider
       and p.identity_id = i.identity_id
     where r.previous < 10
       for key share of i
), issue as (
    select decode(n.digest, 'base64') as digest,
           n.kind,
           n.client_id,
           n.result_url,
           coalesce(n.mark_email_as_verified, false) as mark_email_as_verified,
           coalesce(n.include_email_in_redirect, false) as include_email_in_redirect,
           n.mail_id,
           n.job_id,
           n.subject,
           decode(n.content, 'base64') as content,
           n.created_at,
           n.expires_at
      from jsonb_to_record($5::jsonb) as n(
               digest text,
               kind text,
               client_id text,
               result_url text,
               mark_email_as_verified boolean,
               include_email_in_redirect boolean,
               mail_id text,
               job_id text,
               subject text,
               content text,
               created_at timestamptz,
               expires_at timestamptz
           )
     where n.digest is not null
), ticket as (
    insert into tickets (tenant_id, digest, kind, provider, identity_id, email, password_since, client_id, result_url,
                         mark_email_as_verified, include_email_in_redirect, created_at, expires_at)
    select t.tenant_id,
           n.digest,
           n.kind,
           t.provider,
           t.identity_id,
           t.email,
           t.password_since,
           n.client_id,
           n.result_url,
           n.mark_email_as_verified,
           n.include_email_in_redirect,
           n.created_at,
           n.expires_at
      from target t
     cross join issue n
), mail as (
    insert into mails (tenant_id, mail_id, kind, digest, job_id, recipient, subject, content, created_at, expires_at,
                       next_attempt_at)
    select t.tenant_id,
           n.mail_id,
           n.kind,
           n.digest,
           n.job_id,
           t.email,
           n.subject,
           n.content,
           n.created_at,
           n.expires_at,
           n.created_at
      from target t
     cross join issue n
     where n.mail_id is not null
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select $1,
           case when t.user_id is null then 'password_change.refused' else 'password_change.requested' end,
           coalesce(t.user_id, $2),
           jsonb_build_object('connection', jsonb_build_object('after', $3::text)),
           ($6::journal_author).*
      from request r
      left join target t on true
)
select user_id
  from target
