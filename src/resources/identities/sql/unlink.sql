-- Makes a secondary identity a user again, with its `profileData` for a profile. Returns the identities that
-- are left and whether the identity was one of them before; no row without the user, or for a user's own token that is
-- not valid.
-- A block of the user stays with both, so that linking and unlinking does not lift it.
-- $1 tenant_id text
-- $2 user_id text
-- $3 provider text
-- $4 identity_id text
-- $5 created_at timestamptz: of the new user
-- $6 profile_data text[]: the attributes that `profileData` shows
-- $7 author text: a journal_author
-- $8 issued_at timestamptz: of the user's own token; null for any other caller
with before as (
    select u.*
      from users u
     where u.tenant_id = $1
       and u.user_id = $2
       and token_is_valid($8, u.profile, u.created_at, u.password_changed_at)
       for update
), secondary as (
    select b.user_id,
           b.profile -> 'blocked' as blocked,
           b.identities as old_identities,
           i.identity,
           (i.place - 1)::integer as index
      from before b
     cross join jsonb_array_elements(b.identities)
      with ordinality as i(identity, place)
     where i.place > 1
       and i.identity ->> 'provider' = $3
       and i.identity ->> 'user_id' = $4
), unlinked as (
    update users u
       set identities = u.identities - s.index,
           version = u.version + 1,
           updated_at = clock_timestamp()
      from secondary s
     where u.tenant_id = $1
       and u.user_id = s.user_id
 returning u.tenant_id,
           u.user_id,
           u.identities,
           s.old_identities
), separated as (
    insert into users (tenant_id, user_id, profile, identities, created_at, updated_at)
    select $1,
           $3 || '|' || $4,
           (s.identity -> 'profileData')
           || case when s.blocked = 'true' then jsonb '{"blocked": true}' else '{}' end,
           jsonb_build_array(s.identity - 'profileData'),
           $5,
           $5
      from secondary s
 returning tenant_id,
           user_id,
           profile,
           identities
), moved_identity as (
    update identities i
       set user_id = s.user_id
      from separated s
     where i.tenant_id = s.tenant_id
       and i.provider = $3
       and i.identity_id = $4
), unlinked_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select u.tenant_id,
           'user.unlinked',
           u.user_id,
           jsonb_build_object('identities', jsonb_build_object('before', u.old_identities, 'after', u.identities)),
           ($7::journal_author).*
      from unlinked u
), separated_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select s.tenant_id,
           'user.separated',
           s.user_id,
           journal_changes(null, s.profile)
           || jsonb_build_object('identities', jsonb_build_object('after', s.identities),
                                 'user_id', jsonb_build_object('before', $2, 'after', s.user_id)),
           ($7::journal_author).*
      from separated s
)
select u.user_id is not null as is_done,
       jsonb_set(coalesce(u.identities, b.identities), '{0,profileData}', (
           select coalesce(jsonb_object_agg(a.key, a.value), '{}')
             from jsonb_each(b.profile) a
            where a.key = any($6::text[])))::text as identities
  from before b
  left join unlinked u
    on true
