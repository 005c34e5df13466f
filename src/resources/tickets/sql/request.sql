with target as (
             select i.tenant_id, i.provider, i.identity_id, i.user_id, case when i.provider || '|' || i.identity_id = u.user_id then u.profile ->> 'email' else i.email end as email, p.updated_at as password_since
               from identities i
               join users u on u.tenant_id = i.tenant_id and u.user_id = i.user_id
               left join passwords p
                 on p.tenant_id = i.tenant_id and p.provider = i.provider and p.identity_id = i.identity_id
              where i.tenant_id = $1
                and i.email = $2
                and i.connection = $3
                and (select count(*)
                       from tickets t
                      where t.tenant_id = i.tenant_id
                        and t.provider = i.provider
                        and t.identity_id = i.identity_id
                        and t.kind = 'password_change'
                        and t.created_at > $4::timestamptz - interval '1 hour') < 10
         ), ticket as (
             insert into tickets (tenant_id, digest, kind, provider, identity_id, email, password_since, client_id, result_url,
                                  mark_email_as_verified, include_email_in_redirect, created_at, expires_at)
             select t.tenant_id, decode(n.digest, 'base64'), n.kind, t.provider, t.identity_id, t.email, t.password_since,
                    n.client_id, n.result_url, coalesce(n.mark_email_as_verified, false),
                    coalesce(n.include_email_in_redirect, false), n.created_at, n.expires_at
               from target t,
                    jsonb_to_record($5::jsonb) as n(kind text, digest text, client_id text, result_url text, mark_email_as_verified boolean,
                                        include_email_in_redirect boolean, created_at timestamptz, expires_at timestamptz)
              where n.digest is not null
         ), mail as (
             insert into mails (tenant_id, mail_id, kind, digest, job_id, recipient, subject, content, created_at, expires_at,
                                next_attempt_at)
             select t.tenant_id, n.mail_id, n.kind, decode(n.digest, 'base64'), n.job_id, t.email, n.subject,
                    decode(n.content, 'base64'), n.created_at, n.expires_at, n.created_at
               from target t,
                    jsonb_to_record($5::jsonb) as n(kind text, digest text, mail_id text, job_id text, subject text, content text,
                                        created_at timestamptz, expires_at timestamptz)
              where n.mail_id is not null
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select $1, case when t.user_id is null then 'password_change.refused' else 'password_change.requested' end,
                    coalesce(t.user_id, $2), jsonb_build_object('connection', jsonb_build_object('after', $3::text)), ($6::journal_author).*
               from (values (1)) as request
               left join target t on true
         )
         select t.user_id
           from target t
