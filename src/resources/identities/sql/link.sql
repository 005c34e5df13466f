with locked as (
             select u.*
               from users u
              where u.tenant_id = $1
                and u.user_id in ($2, $3)
              order by u.user_id
                for update
         ), pair as (
             select a.user_id,
                    a.identities as old_identities,
                    b.user_id as merged_id,
                    b.identities as merged_identities,
                    jsonb_set(b.identities, '{0,profileData}', (select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(b.profile) where key = any($7::text[]))) as added
               from locked a
               join locked b on b.user_id = $3 and b.profile -> 'blocked' is distinct from 'true'
              where a.user_id = $2
                and ($6::text is null
                     or exists (select from connections c
                                 where c.tenant_id = $1 and c.connection_id = $6 and c.name = b.identities -> 0 ->> 'connection'))
         ), linked as (
             update users u
                set identities = u.identities || p.added,
                    version = u.version + 1,
                    updated_at = clock_timestamp()
               from pair p
              where u.tenant_id = $1
                and u.user_id = p.user_id
          returning u.tenant_id, u.user_id, u.profile, u.identities, p.old_identities
         ), moved as (
             update identities i
                set user_id = p.user_id
               from pair p,
                    jsonb_to_recordset(p.merged_identities) as m(provider text, user_id text)
              where i.tenant_id = $1
                and i.provider = m.provider
                and i.identity_id = m.user_id
         ), merged as (
             delete from users u
              using pair p
              where u.tenant_id = $1
                and u.user_id = p.merged_id
          returning u.tenant_id, u.user_id, u.identities, p.user_id as primary_id,
                    u.profile as old_profile, u.user_metadata as old_user_metadata, u.app_metadata as old_app_metadata,
                    null::jsonb as profile, null::jsonb as user_metadata, null::jsonb as app_metadata
         ), linked_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'user.linked', user_id,
                    jsonb_build_object('identities', jsonb_build_object('before', old_identities, 'after', identities)), ($8::journal_author).*
               from linked
         ), merged_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'user.merged', user_id, user_changes(old_profile, profile, old_user_metadata, user_metadata, old_app_metadata, app_metadata)
                    || jsonb_build_object('identities', jsonb_build_object('before', identities),
                                          'user_id', jsonb_build_object('before', user_id, 'after', primary_id)), ($9::journal_author).*
               from merged
         )
         select exists (select from locked where user_id = $2) as has_primary,
                exists (select from locked where user_id = $3 and profile -> 'blocked' = 'true') as is_blocked,
                exists (select from connections c
                         where c.tenant_id = $1 and c.strategy = $4 and ($6::text is null or c.connection_id = $6)) as is_configured,
                exists (select from identities i
                         where i.tenant_id = $1 and i.provider = $4 and i.identity_id = $5
                           and i.user_id not in (select user_id from locked where user_id = $3)) as is_taken,
                (select jsonb_set(identities, '{0,profileData}', (select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(profile) where key = any($7::text[])))::text from linked) as identities
