with found as (
             select i.user_id
               from identities i
              where i.tenant_id = $1
                and i.connection = $2
                and not exists (select from connections n where n.tenant_id = $1 and n.name = $2)
              limit $4
         ), locked as (
             select u.*
               from users u
              where u.tenant_id = $1
                and u.user_id in (select user_id from found)
              order by u.user_id
                for update
         ), deleted as (
             delete from users u
              using locked l
              where u.tenant_id = l.tenant_id
                and u.user_id = l.user_id
                and l.identities -> 0 ->> 'connection' = $2
          returning u.tenant_id, u.user_id, u.profile as old_profile, u.user_metadata as old_user_metadata, u.app_metadata as old_app_metadata,
                    null::jsonb as profile, null::jsonb as user_metadata, null::jsonb as app_metadata
         ), trimmed as (
             update users u
                set identities = (select jsonb_agg(e.identity order by e.place)
                                    from jsonb_array_elements(l.identities) with ordinality as e(identity, place)
                                   where e.identity ->> 'connection' <> $2),
                    version = u.version + 1,
                    updated_at = clock_timestamp()
               from locked l
              where u.tenant_id = l.tenant_id
                and u.user_id = l.user_id
                and l.identities -> 0 ->> 'connection' <> $2
                and l.identities @> jsonb_build_array(jsonb_build_object('connection', $2::text))
          returning u.tenant_id, u.user_id, u.identities, l.identities as old_identities
         ), removed as (
             delete from identities i
              using trimmed t,
                    jsonb_to_recordset(t.old_identities) as e(provider text, user_id text, connection text)
              where i.tenant_id = t.tenant_id
                and i.provider = e.provider
                and i.identity_id = e.user_id
                and e.connection = $2
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
         ), deleted_entries as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'user.deleted', user_id, user_changes(old_profile, profile, old_user_metadata, user_metadata, old_app_metadata, app_metadata), ($3::journal_author).*
               from deleted
         ), trimmed_entries as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'user.updated', user_id,
                    jsonb_build_object('identities', jsonb_build_object('before', old_identities, 'after', identities)), ($3::journal_author).*
               from trimmed
         )
         select (select count(*) from deleted) + (select count(*) from trimmed) as erased
