-- Creates a ticket of an identity. No row means that the identity does not exist.
-- $1 tenant_id text
-- $2 provider text
-- $3 identity_id text
-- $4 issue jsonb: Issue::parameter
-- $5 author text: a journal_author
with target as (
    select i.tenant_id,
           i.provider,
           i.identity_id,
           i.user_id,
           identity_email(i.provider, i.identity_id, i.email, u.user_id, u.profile) as email,
           p.updated_at as password_since
      from identities i
      join users u
        on u.tenant_id = $1
       and u.user_id = i.user_id
      left join passwords p
        on p.tenant_id = $1
       and p.provider = i.provider
       and p.identity_id = i.identity_id
     where i.tenant_id = $1
       and i.provider = $2
       and i.identity_id = $3
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
      from jsonb_to_record($4::jsonb) as n(
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
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select tenant_id,
           'ticket.created',
           user_id,
           jsonb_build_object('kind', jsonb_build_object('after', $4 -> 'kind')),
           ($5::journal_author).*
      from target
)
select user_id
  from target
