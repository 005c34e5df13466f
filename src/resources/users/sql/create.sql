with connection as (
             select tenant_id, name
               from connections
              where tenant_id = $1
                and name = $10
                and connection_id = $14
                for key share
         ), created as (
             insert into users (tenant_id, user_id, profile, user_metadata, app_metadata, identities, created_at, updated_at)
             select tenant_id, $2, $3, merge_metadata(null, $4), nullif(merge_metadata(null, $5), '{}'), $6, $7, $7
               from connection
          returning *
         ), identity as (
             insert into identities (tenant_id, provider, identity_id, user_id, connection, email, username, phone_number)
             select tenant_id, $8, $9, user_id, $10, profile ->> 'email', profile ->> 'username', profile ->> 'phone_number'
               from created
         ), password as (
             insert into passwords (tenant_id, provider, identity_id, hash)
             select tenant_id, $8, $9, $11
               from created
              where $11::text is not null
         ), target as (
             select tenant_id, $8::text as provider, $9::text as identity_id, profile ->> 'email' as email,
                    null::timestamptz as password_since
               from created
         ), ticket as (
             insert into tickets (tenant_id, digest, kind, provider, identity_id, email, password_since, client_id, result_url,
                                  mark_email_as_verified, include_email_in_redirect, created_at, expires_at)
             select t.tenant_id, decode(n.digest, 'base64'), n.kind, t.provider, t.identity_id, t.email, t.password_since,
                    n.client_id, n.result_url, coalesce(n.mark_email_as_verified, false),
                    coalesce(n.include_email_in_redirect, false), n.created_at, n.expires_at
               from target t,
                    jsonb_to_record($13::jsonb) as n(kind text, digest text, client_id text, result_url text, mark_email_as_verified boolean,
                                        include_email_in_redirect boolean, created_at timestamptz, expires_at timestamptz)
              where n.digest is not null
         ), mail as (
             insert into mails (tenant_id, mail_id, kind, digest, job_id, recipient, subject, content, created_at, expires_at,
                                next_attempt_at)
             select t.tenant_id, n.mail_id, n.kind, decode(n.digest, 'base64'), n.job_id, t.email, n.subject,
                    decode(n.content, 'base64'), n.created_at, n.expires_at, n.created_at
               from target t,
                    jsonb_to_record($13::jsonb) as n(kind text, digest text, mail_id text, job_id text, subject text, content text,
                                        created_at timestamptz, expires_at timestamptz)
              where n.mail_id is not null
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'user.created', user_id, user_changes(old_profile, profile, old_user_metadata, user_metadata, old_app_metadata, app_metadata)
            || case when $11::text is not null then '{"password": {"after": "*****"}}' else '{}' end::jsonb, ($12::journal_author).*
               from created, (select null::jsonb as old_profile, null::jsonb as old_user_metadata, null::jsonb as old_app_metadata) old
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
