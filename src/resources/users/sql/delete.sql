with before as (
             select u.*
               from users u
              where u.tenant_id = $1
                and u.user_id = $2
                for update
         ), deleted as (
             delete from users u
              using before b
              where u.tenant_id = b.tenant_id
                and u.user_id = b.user_id
                and ($3::text[] is null or etag(u.version, u.created_at) = any($3))
          returning u.tenant_id, u.user_id, u.profile as old_profile, u.user_metadata as old_user_metadata, u.app_metadata as old_app_metadata,
                    null::jsonb as profile, null::jsonb as user_metadata, null::jsonb as app_metadata
         ), attempts as (
             select a.tenant_id, a.account, a.connection, a.ip
               from login_attempts a
              where a.tenant_id = $1
                and a.account in (select user_id from deleted)
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
             select tenant_id, 'user.deleted', user_id, user_changes(old_profile, profile, old_user_metadata, user_metadata, old_app_metadata, app_metadata), ($4::journal_author).*
               from deleted
         )
         select etag(u.version, u.created_at) as tag
           from before u
          where not exists (select from deleted)
