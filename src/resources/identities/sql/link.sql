-- Makes a user, the secondary, an identity of another one, the primary. Returns one row: the identities of
-- the primary, null if nothing was linked, and the reasons for that. A primary whose own token is not valid counts as
-- none.
-- The secondary's attributes become the `profileData` of its identity; its metadata goes. The rows of both
-- users are locked in the order of their ids. The locked rows decide, not the table of identities as it was
-- when the statement began: an identity that was linked to the secondary while its row was locked by another
-- transaction moves along too, before the secondary is deleted.
-- $1 tenant_id text
-- $2 user_id text: of the primary
-- $3 secondary_id text: its user_id
-- $4 provider text: of the secondary
-- $5 identity_id text: of the secondary
-- $6 connection_id text: the connection the secondary has to be in; null for any
-- $7 profile_data text[]: the attributes that `profileData` shows
-- $8 author text: a journal_author
-- $9 issued_at timestamptz: of the primary's own token; null for any other caller
-- $10 secondary_issued_at timestamptz: of the token that proves the secondary; null without one
with locked as (
    select u.*
      from users u
     where u.tenant_id = $1
       and u.user_id in ($2, $3)
       and (u.user_id <> $2 or token_is_valid($9, u.profile, u.created_at, u.password_changed_at))
     order by u.user_id
       for update
), pair as (
    select a.user_id,
           a.identities as old_identities,
           b.user_id as secondary_id,
           b.identities as secondary_identities,
           jsonb_set(b.identities, '{0,profileData}', (
               select coalesce(jsonb_object_agg(a.key, a.value), '{}')
                 from jsonb_each(b.profile) a
                where a.key = any($7::text[]))) as added
      from locked a
      join locked b
        on b.user_id = $3
       and b.profile -> 'blocked' is distinct from 'true'
       and token_is_valid($10, b.profile, b.created_at, b.password_changed_at)
     where a.user_id = $2
       and ($6::text is null or exists (
               select from connections c
                where c.tenant_id = $1
                  and c.connection_id = $6
                  and c.name = b.identities -> 0 ->> 'connection'))
), linked as (
    update users u
       set identities = u.identities || p.added,
           version = u.version + 1,
           updated_at = clock_timestamp()
      from pair p
     where u.tenant_id = $1
       and u.user_id = p.user_id
 returning u.tenant_id,
           u.user_id,
           u.profile,
           u.identities,
           p.old_identities
), moved_identity as (
    update identities i
       set user_id = p.user_id
      from pair p
     cross join jsonb_to_recordset(p.secondary_identities) as m(provider text, user_id text)
     where i.tenant_id = $1
       and i.provider = m.provider
       and i.identity_id = m.user_id
), merged as (
    delete from users u
     using pair p
     where u.tenant_id = $1
       and u.user_id = p.secondary_id
 returning u.tenant_id,
           u.user_id,
           u.profile,
           u.user_metadata,
           u.app_metadata,
           u.identities,
           p.user_id as primary_id
), linked_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select l.tenant_id,
           'user.linked',
           l.user_id,
           jsonb_build_object('identities', jsonb_build_object('before', l.old_identities, 'after', l.identities)),
           ($8::journal_author).*
      from linked l
), merged_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select m.tenant_id,
           'user.merged',
           m.user_id,
           user_changes(m.profile, null, m.user_metadata, null, m.app_metadata, null)
           || jsonb_build_object('identities', jsonb_build_object('before', m.identities),
                                 'user_id', jsonb_build_object('before', m.user_id, 'after', m.primary_id)),
           ($8::journal_author).*
      from merged m
)
select exists (
           select from locked l
            where l.user_id = $2) as has_primary,
       exists (
           select from locked l
            where l.user_id = $3
              and l.profile -> 'blocked' = 'true') as is_blocked,
       exists (
           select from locked l
            where l.user_id = $3
              and not token_is_valid($10, l.profile, l.created_at, l.password_changed_at)) as is_proof_invalid,
       exists (
           select from connections c
            where c.tenant_id = $1
              and c.strategy = $4
              and ($6::text is null or c.connection_id = $6)) as is_configured,
       exists (
           select from identities i
            where i.tenant_id = $1
              and i.provider = $4
              and i.identity_id = $5
              and i.user_id not in (select l.user_id from locked l where l.user_id = $3)) as is_taken,
       (select jsonb_set(l.identities, '{0,profileData}', (
           select coalesce(jsonb_object_agg(a.key, a.value), '{}')
             from jsonb_each(l.profile) a
            where a.key = any($7::text[])))::text
          from linked l) as identities
