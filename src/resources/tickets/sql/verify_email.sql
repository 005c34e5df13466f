with before as (
             select u.*, t.digest, t.provider, t.identity_id, t.password_since, t.mark_email_as_verified
               from tickets t
               join identities i
                 on i.tenant_id = t.tenant_id and i.provider = t.provider and i.identity_id = t.identity_id
               join users u on u.tenant_id = i.tenant_id and u.user_id = i.user_id
              where t.tenant_id = $1
                and t.digest = $2
                and t.kind = 'email_verification'
                and t.expires_at > $3
                and t.email = case when i.provider || '|' || i.identity_id = u.user_id then u.profile ->> 'email' else i.email end
                and i.provider || '|' || i.identity_id = u.user_id
                for update of u
         ), used as (
             update tickets t
                set used_at = $3
               from before b
              where t.tenant_id = b.tenant_id
                and t.digest = b.digest
                and t.used_at is null
          returning b.*
         ), changed as (
             update users u
                set profile = u.profile || '{"email_verified": true}',
                    version = u.version + 1,
                    updated_at = clock_timestamp()
               from used b
              where u.tenant_id = b.tenant_id
                and u.user_id = b.user_id
                and u.profile -> 'email_verified' is distinct from 'true'
          returning u.tenant_id, u.user_id, u.profile, b.profile as old_profile
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'user.updated', user_id, journal_changes(old_profile, profile), ($4::journal_author).*
               from changed
         )
         select user_id
           from used
