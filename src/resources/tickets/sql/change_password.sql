with before as (
             select u.*, t.digest, t.provider, t.identity_id, t.password_since, t.mark_email_as_verified
               from tickets t
               join identities i
                 on i.tenant_id = t.tenant_id and i.provider = t.provider and i.identity_id = t.identity_id
               join users u on u.tenant_id = i.tenant_id and u.user_id = i.user_id
              where t.tenant_id = $1
                and t.digest = $2
                and t.kind = 'password_change'
                and t.expires_at > $3
                and t.email = case when i.provider || '|' || i.identity_id = u.user_id then u.profile ->> 'email' else i.email end
                for update of u
         ), used as (
             update tickets t
                set used_at = $3
               from before b
              where t.tenant_id = b.tenant_id
                and t.digest = b.digest
                and t.used_at is null
          returning b.*
         ), password as (
             insert into passwords (tenant_id, provider, identity_id, hash)
             select u.tenant_id, u.provider, u.identity_id, $4
               from used u
              where u.password_since is null
                 or exists (select
                              from passwords p
                             where p.tenant_id = u.tenant_id and p.provider = u.provider and p.identity_id = u.identity_id)
                 on conflict (tenant_id, provider, identity_id)
                 do update set hash = excluded.hash, updated_at = clock_timestamp()
              where passwords.updated_at = (select password_since from used)
          returning tenant_id
         ), changed as (
             update users u
                set profile = u.profile || $5::jsonb
                              || case when b.mark_email_as_verified and b.provider || '|' || b.identity_id = b.user_id
                                      then '{"email_verified": true}' else '{}' end::jsonb,
                    version = u.version + 1,
                    updated_at = clock_timestamp()
               from used b
               join password p on p.tenant_id = b.tenant_id
              where u.tenant_id = b.tenant_id
                and u.user_id = b.user_id
          returning u.tenant_id, u.user_id, u.profile, b.profile as old_profile
         ), attempts as (
             select a.tenant_id, a.account, a.connection, a.ip
               from login_attempts a
              where a.tenant_id = $1
                and a.account in (select user_id from changed)
              order by a.account, a.connection, a.ip desc
                for update
         ), forgotten as (
             delete from login_attempts a
              using attempts f
              where a.tenant_id = $1
                and (a.account, a.connection, a.ip) = (f.account, f.connection, f.ip)
          returning a.account
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'user.updated', user_id,
                    coalesce(journal_changes(old_profile, profile), '{}') || '{"password": {"after": "*****"}}', ($6::journal_author).*
               from changed
         )
         select user_id
           from changed
