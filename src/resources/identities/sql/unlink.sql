with before as (
             select u.*
               from users u
              where u.tenant_id = $1
                and u.user_id = $2
                for update
         ), secondary as (
             select b.user_id, b.profile -> 'blocked' as blocked, b.identities as old_identities, i.identity, (i.place - 1)::int as place
               from before b,
                    jsonb_array_elements(b.identities) with ordinality as i(identity, place)
              where i.place > 1
                and i.identity ->> 'provider' = $3
                and i.identity ->> 'user_id' = $4
         ), unlinked as (
             update users u
                set identities = u.identities - s.place,
                    version = u.version + 1,
                    updated_at = clock_timestamp()
               from secondary s
              where u.tenant_id = $1
                and u.user_id = s.user_id
          returning u.tenant_id, u.user_id, u.identities, s.old_identities
         ), separated as (
             insert into users (tenant_id, user_id, profile, identities, created_at, updated_at)
             select $1, $3 || '|' || $4, (s.identity -> 'profileData') || case when s.blocked = 'true' then '{"blocked": true}' else '{}' end::jsonb,
                    jsonb_build_array(s.identity - 'profileData'), $5, $5
               from secondary s
          returning tenant_id, user_id, profile, identities
         ), moved as (
             update identities i
                set user_id = p.user_id
               from separated p
              where i.tenant_id = p.tenant_id
                and i.provider = $3
                and i.identity_id = $4
         ), unlinked_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'user.unlinked', user_id,
                    jsonb_build_object('identities', jsonb_build_object('before', old_identities, 'after', identities)), ($7::journal_author).*
               from unlinked
         ), separated_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'user.separated', user_id,
                    journal_changes(null, profile)
                    || jsonb_build_object('identities', jsonb_build_object('after', identities),
                                          'user_id', jsonb_build_object('before', $2, 'after', user_id)), ($8::journal_author).*
               from separated
         )
         select u.user_id is not null as is_done,
                jsonb_set(coalesce(u.identities, b.identities), '{0,profileData}', (select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(b.profile) where key = any($6::text[])))::text as identities
           from before b
           left join unlinked u on true
