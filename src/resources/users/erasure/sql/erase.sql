-- Erases users of a deleted connection; the number of users deleted or changed.
-- Erases no user once a connection of the same name exists.
-- A user whose primary identity is in the connection is deleted with all identities; any other user loses the
-- identity in it. The locked rows decide, not the table of identities as it was when the statement began.
-- Users are locked in the order of their ids; rows of `login_attempts` in the order in which a login locks
-- them: the row of all addresses (`ip` empty) is last.
-- $1 tenant_id text
-- $2 connection text: its name
-- $3 author text: a journal_author
-- $4 user_ids text[]
with found as (
    select user_id
      from unnest($4::text[]) as user_id
     where not exists (
               select from connections c
                where c.tenant_id = $1
                  and c.name = $2)
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
 returning u.tenant_id,
           u.user_id,
           u.profile,
           u.user_metadata,
           u.app_metadata
), trimmed as (
    update users u
       set identities = (
               select jsonb_agg(e.identity order by e.place)
                 from jsonb_array_elements(l.identities)
                 with ordinality as e(identity, place)
                where e.identity ->> 'connection' <> $2),
           version = u.version + 1,
           updated_at = clock_timestamp()
      from locked l
     where u.tenant_id = l.tenant_id
       and u.user_id = l.user_id
       and l.identities -> 0 ->> 'connection' <> $2
       and l.identities @> jsonb_build_array(jsonb_build_object('connection', $2::text))
 returning u.tenant_id,
           u.user_id,
           u.identities,
           l.identities as old_identities
), removed_identity as (
    delete from identities i
     using trimmed t
     cross join jsonb_to_recordset(t.old_identities) as e(provider text, user_id text, connection text)
     where i.tenant_id = t.tenant_id
       and i.provider = e.provider
       and i.identity_id = e.user_id
       and e.connection = $2
), attempt as (
    select a.account,
           a.connection,
           a.ip
      from login_attempts a
     where a.tenant_id = $1
       and a.account in (select user_id from deleted)
     order by a.account, a.connection, a.ip desc
       for update
), deleted_attempt as (
    delete from login_attempts a
     using attempt t
     where a.tenant_id = $1
       and (a.account, a.connection, a.ip) = (t.account, t.connection, t.ip)
), deleted_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select d.tenant_id,
           'user.deleted',
           d.user_id,
           user_changes(d.profile, null, d.user_metadata, null, d.app_metadata, null),
           ($3::journal_author).*
      from deleted d
), trimmed_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select t.tenant_id,
           'user.updated',
           t.user_id,
           jsonb_build_object('identities', jsonb_build_object('before', t.old_identities, 'after', t.identities)),
           ($3::journal_author).*
      from trimmed t
)
select (select count(*) from deleted) + (select count(*) from trimmed) as erased
