-- Changes what one of a user's identities is known by or proves itself with, together with attributes and
-- metadata of the user. Returns no row if the user is gone or has the identity no more, and for a user's own token
-- that is not valid. `keeps_identifier` is false if the change would leave the identity without any identifier.
-- The primary identity's attributes are the profile; those of a secondary one are its `profileData` ($13 and
-- $14).
-- A new password ends the counts of failed logins. The rows of `login_attempts` are locked in the order
-- in which a login locks them: the row of all addresses (`ip` empty) is last.
-- $1 tenant_id text
-- $2 user_id text
-- $3 set_profile jsonb: attributes to set
-- $4 unset_profile text[]: attributes to remove
-- $5 user_metadata_patch jsonb: to merge, or null
-- $6 app_metadata_patch jsonb: to merge, or null
-- $7 if_match text[]: entity tags; null without a precondition
-- $8 author text: a journal_author
-- $9 provider text
-- $10 identity_id text
-- $11 password_hash text: null leaves the password
-- $12 remove_password boolean
-- $13 set_profile_data jsonb: attributes of a secondary identity to set; null for the primary
-- $14 unset_profile_data text[]: attributes of a secondary identity to remove; null for the primary
-- $15 issue jsonb: a ticket and the mail that carries it, to an address not verified; null without a mail
-- $16 max_metadata_bytes bigint: the limit of each metadata field after the merge
-- $17 identifiers text[]: attributes of which the identity has to keep one; null if the change removes none of them
-- $18 issued_at timestamptz: of the user's own token; null for any other caller
with before as (
    select u.*,
           $17::text[] is null
               or case when $13::jsonb is null then (u.profile || $3) - $4::text[]
                       else (select (i.identity -> 'profileData' || $13) - $14::text[]
                               from jsonb_array_elements(u.identities) as i(identity)
                              where i.identity ->> 'provider' = $9
                                and i.identity ->> 'user_id' = $10) end ?| $17 as keeps_identifier
      from users u
     where u.tenant_id = $1
       and u.user_id = $2
       and u.identities @> jsonb_build_array(jsonb_build_object('provider', $9::text, 'user_id', $10::text))
       and token_is_valid($18, u.profile, u.created_at, u.password_changed_at)
       for no key update of u
), changed as (
    update users u
       set profile = set_attributes(u.profile, $3) - $4::text[],
           user_metadata = case when $5::jsonb is null then u.user_metadata
                                else bounded_metadata('user_metadata', u.user_metadata,
                                                      merge_metadata(u.user_metadata, $5), $16) end,
           app_metadata = case when $6::jsonb is null then u.app_metadata
                               else nullif(bounded_metadata('app_metadata', u.app_metadata,
                                                            merge_metadata(u.app_metadata, $6), $16), '{}') end,
           identities = case when $13::jsonb is null then u.identities else (
               select jsonb_agg(case when i.identity ->> 'provider' = $9 and i.identity ->> 'user_id' = $10
                                     then jsonb_set(i.identity, '{profileData}',
                                              set_attributes(i.identity -> 'profileData', $13) - $14::text[])
                                     else i.identity end
                                order by i.place)
                 from jsonb_array_elements(u.identities)
                 with ordinality as i(identity, place)
           ) end,
           password_changed_at = case when $11::text is not null or $12 then clock_timestamp()
                                      else u.password_changed_at end,
           version = u.version + 1,
           updated_at = clock_timestamp()
      from before b
     where u.tenant_id = b.tenant_id
       and u.user_id = b.user_id
       and ($7::text[] is null or etag(u.version, u.created_at) = any($7))
       and b.keeps_identifier
 returning u.*,
           b.profile as old_profile,
           b.user_metadata as old_user_metadata,
           b.app_metadata as old_app_metadata,
           b.identities as old_identities
), identity as (
    update identities i
       set email = p.profile ->> 'email',
           username = p.profile ->> 'username',
           phone_number = p.profile ->> 'phone_number'
      from changed c
     cross join lateral (
               select coalesce(e.identity -> 'profileData', c.profile) as profile
                 from jsonb_array_elements(c.identities) as e(identity)
                where e.identity ->> 'provider' = $9
                  and e.identity ->> 'user_id' = $10
           ) p
     where i.tenant_id = c.tenant_id
       and i.provider = $9
       and i.identity_id = $10
), password as (
    insert into passwords (tenant_id, provider, identity_id, hash)
    select c.tenant_id,
           $9,
           $10,
           $11
      from changed c
     where $11::text is not null
        on conflict (tenant_id, provider, identity_id)
        do update set hash = excluded.hash,
                      updated_at = clock_timestamp()
), removed_password as (
    delete from passwords p
     using changed c
     where p.tenant_id = c.tenant_id
       and p.provider = $9
       and p.identity_id = $10
       and $12
), recipient as (
    select c.tenant_id,
           c.profile ->> 'email' as email
      from changed c
     where c.profile ->> 'email' is not null
       and c.profile -> 'email_verified' is distinct from 'true'
), issue as (
    select i.*
      from jsonb_to_record($15::jsonb) as i(
               kind text, digest text, client_id text, result_url text, mark_email_as_verified boolean,
               include_email_in_redirect boolean, created_at timestamptz, expires_at timestamptz,
               mail_id text, job_id text, subject text, content text)
), ticket as (
    insert into tickets (
        tenant_id, digest, kind, provider, identity_id, email, client_id, result_url,
        mark_email_as_verified, include_email_in_redirect, created_at, expires_at)
    select r.tenant_id,
           decode(i.digest, 'base64'),
           i.kind,
           $9,
           $10,
           r.email,
           i.client_id,
           i.result_url,
           coalesce(i.mark_email_as_verified, false),
           coalesce(i.include_email_in_redirect, false),
           i.created_at,
           i.expires_at
      from recipient r
     cross join issue i
     where i.digest is not null
), mail as (
    insert into mails (
        tenant_id, mail_id, kind, digest, job_id, recipient, subject, content,
        created_at, expires_at, next_attempt_at)
    select r.tenant_id,
           i.mail_id,
           i.kind,
           decode(i.digest, 'base64'),
           i.job_id,
           r.email,
           i.subject,
           decode(i.content, 'base64'),
           i.created_at,
           i.expires_at,
           i.created_at
      from recipient r
     cross join issue i
     where i.mail_id is not null
), attempt as (
    select a.account,
           a.connection,
           a.ip
      from login_attempts a
     where a.tenant_id = $1
       and a.account in (select user_id from changed where $11::text is not null)
     order by a.account, a.connection, a.ip desc
       for update
), deleted_attempt as (
    delete from login_attempts a
     using attempt t
     where a.tenant_id = $1
       and (a.account, a.connection, a.ip) = (t.account, t.connection, t.ip)
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select c.tenant_id,
           'user.updated',
           c.user_id,
           user_changes(c.old_profile, c.profile,
                        c.old_user_metadata, c.user_metadata,
                        c.old_app_metadata, c.app_metadata)
           || case when c.identities <> c.old_identities
                   then jsonb_build_object(
                            'identities', jsonb_build_object('before', c.old_identities, 'after', c.identities))
                   else '{}' end
           || case when $11::text is not null then jsonb '{"password": {"after": "*****"}}'
                   when $12 then '{"password": {"before": "*****"}}'
                   else '{}' end,
           ($8::journal_author).*
      from changed c
)
select true as keeps_identifier,
       null as mismatched_etag,
       null as oversized_field,
       u.user_id,
       u.profile::text,
       u.identities::text,
       u.user_metadata::text,
       u.app_metadata::text,
       u.version,
       u.created_at,
       u.updated_at
  from changed u
 union all
select u.keeps_identifier,
       case when etag(u.version, u.created_at) <> all($7) then etag(u.version, u.created_at) end,
       null,
       u.user_id,
       u.profile::text,
       u.identities::text,
       u.user_metadata::text,
       u.app_metadata::text,
       u.version,
       u.created_at,
       u.updated_at
  from before u
 where not exists (select from changed)
