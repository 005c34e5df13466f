with patch as (
             select $1::text as tenant_id, $2::text as user_id, 1::bigint as n, $3::jsonb as set_profile, $4::text[] as unset_profile,
                    $5::jsonb as user_metadata_patch, $6::jsonb as app_metadata_patch, $7::text[] as if_match, $8::journal_author as author
         ), before as (
             select u.*, p.n, p.set_profile, p.unset_profile, p.user_metadata_patch, p.app_metadata_patch, p.if_match, p.author
               from patch p
               join users u on u.tenant_id = p.tenant_id and u.user_id = p.user_id and u.identities @> jsonb_build_array(jsonb_build_object('provider', $9::text, 'user_id', $10::text))
                for no key update of u
         ), changed as (
             update users u
                set profile = (u.profile || case when b.set_profile ? 'email' and b.set_profile ->> 'email' is distinct from u.profile ->> 'email' then '{"email_verified": false}' else '{}' end::jsonb
                             || case when b.set_profile ? 'phone_number' and b.set_profile ->> 'phone_number' is distinct from u.profile ->> 'phone_number' then '{"phone_verified": false}' else '{}' end::jsonb || b.set_profile) - b.unset_profile,
                    user_metadata = case when b.user_metadata_patch is null then u.user_metadata
                                         else merge_metadata(u.user_metadata, b.user_metadata_patch) end,
                    app_metadata = case when b.app_metadata_patch is null then u.app_metadata
                                        else nullif(merge_metadata(u.app_metadata, b.app_metadata_patch), '{}') end,
                    identities = case when $13::jsonb is null then u.identities else (
                        select jsonb_agg(case when i.identity @> jsonb_build_object('provider', $9::text, 'user_id', $10::text)
                                              then jsonb_set(i.identity, '{profileData}', ((i.identity -> 'profileData') || case when $13 ? 'email' and $13 ->> 'email' is distinct from (i.identity -> 'profileData') ->> 'email' then '{"email_verified": false}' else '{}' end::jsonb
                             || case when $13 ? 'phone_number' and $13 ->> 'phone_number' is distinct from (i.identity -> 'profileData') ->> 'phone_number' then '{"phone_verified": false}' else '{}' end::jsonb || $13) - $14::text[])
                                              else i.identity end order by i.place)
                          from jsonb_array_elements(u.identities) with ordinality as i(identity, place)) end,
                    version = u.version + 1,
                    updated_at = clock_timestamp()
               from before b
              where u.tenant_id = b.tenant_id
                and u.user_id = b.user_id
                and (b.if_match is null or etag(u.version, u.created_at) = any(b.if_match))
          returning u.*, b.n, b.author, b.profile as old_profile, b.user_metadata as old_user_metadata, b.app_metadata as old_app_metadata
         ), identity as (
             update identities i
                set email = known.profile ->> 'email',
                    username = known.profile ->> 'username',
                    phone_number = known.profile ->> 'phone_number'
               from changed c,
                    lateral (select coalesce(e.identity -> 'profileData', c.profile) as profile
                               from jsonb_array_elements(c.identities) as e(identity)
                              where e.identity @> jsonb_build_object('provider', $9::text, 'user_id', $10::text)) known
              where i.tenant_id = c.tenant_id
                and i.provider = $9
                and i.identity_id = $10
         ), password as (
             insert into passwords (tenant_id, provider, identity_id, hash)
             select tenant_id, $9, $10, $11
               from changed
              where $11::text is not null
                 on conflict (tenant_id, provider, identity_id)
                 do update set hash = excluded.hash, updated_at = clock_timestamp()
         ), removed_password as (
             delete from passwords p
              using changed c
              where p.tenant_id = c.tenant_id
                and p.provider = $9
                and p.identity_id = $10
                and $12
         ), target as (
             select tenant_id, $9::text as provider, $10::text as identity_id, profile ->> 'email' as email,
                    null::timestamptz as password_since
               from changed
              where profile ->> 'email' is not null
                and profile -> 'email_verified' is distinct from 'true'
         ), ticket as (
             insert into tickets (tenant_id, digest, kind, provider, identity_id, email, password_since, client_id, result_url,
                                  mark_email_as_verified, include_email_in_redirect, created_at, expires_at)
             select t.tenant_id, decode(n.digest, 'base64'), n.kind, t.provider, t.identity_id, t.email, t.password_since,
                    n.client_id, n.result_url, coalesce(n.mark_email_as_verified, false),
                    coalesce(n.include_email_in_redirect, false), n.created_at, n.expires_at
               from target t,
                    jsonb_to_record($15::jsonb) as n(kind text, digest text, client_id text, result_url text, mark_email_as_verified boolean,
                                        include_email_in_redirect boolean, created_at timestamptz, expires_at timestamptz)
              where n.digest is not null
         ), mail as (
             insert into mails (tenant_id, mail_id, kind, digest, job_id, recipient, subject, content, created_at, expires_at,
                                next_attempt_at)
             select t.tenant_id, n.mail_id, n.kind, decode(n.digest, 'base64'), n.job_id, t.email, n.subject,
                    decode(n.content, 'base64'), n.created_at, n.expires_at, n.created_at
               from target t,
                    jsonb_to_record($15::jsonb) as n(kind text, digest text, mail_id text, job_id text, subject text, content text,
                                        created_at timestamptz, expires_at timestamptz)
              where n.mail_id is not null
         ), attempts as (
             select a.tenant_id, a.account, a.connection, a.ip
               from login_attempts a
              where a.tenant_id = $1
                and a.account in (select user_id from changed where $11::text is not null)
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
             select tenant_id, 'user.updated', user_id, user_changes(old_profile, profile, old_user_metadata, user_metadata, old_app_metadata, app_metadata)
            || case when identities <> old_identities
                    then jsonb_build_object('identities', jsonb_build_object('before', old_identities, 'after', identities)) else '{}' end
            || case when $11::text is not null then '{"password": {"after": "*****"}}'
                    when $12 then '{"password": {"before": "*****"}}' else '{}' end::jsonb, (author).*
               from changed, lateral (select b.identities as old_identities from before b) old
         )
         select u.n, null as mismatched_etag, u.user_id,
            u.profile::text,
            u.identities::text,
            u.user_metadata::text,
            u.app_metadata::text,
            u.version,
            u.created_at,
            u.updated_at
           from changed u
          union all
         select u.n, etag(u.version, u.created_at), u.user_id,
            u.profile::text,
            u.identities::text,
            u.user_metadata::text,
            u.app_metadata::text,
            u.version,
            u.created_at,
            u.updated_at
           from before u
          where etag(u.version, u.created_at) <> all(u.if_match)
