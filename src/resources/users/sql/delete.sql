-- Deletes a user with all identities and the counts of failed logins. Returns the entity tag of the user, and whether
-- the precondition held; no row without the user, or for a user's own token that is not valid.
-- The user's row is locked first, so that the tag that is compared is the one that is deleted. The rows of
-- `login_attempts` are locked in the order in which a login locks them: the row of all addresses (`ip` empty)
-- is last.
-- $1 tenant_id text
-- $2 user_id text
-- $3 if_match text[]: entity tags; null without a precondition
-- $4 author text: a journal_author
-- $5 issued_at timestamptz: of the user's own token; null for any other caller
with before as (
    select u.*
      from users u
     where u.tenant_id = $1
       and u.user_id = $2
       and token_is_valid($5, u.profile, u.created_at, u.password_changed_at)
       for update
), deleted as (
    delete from users u
     using before b
     where u.tenant_id = b.tenant_id
       and u.user_id = b.user_id
       and ($3::text[] is null or etag(u.version, u.created_at) = any($3))
 returning u.tenant_id,
           u.user_id,
           u.profile,
           u.user_metadata,
           u.app_metadata
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
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select d.tenant_id,
           'user.deleted',
           d.user_id,
           user_changes(d.profile, null, d.user_metadata, null, d.app_metadata, null),
           ($4::journal_author).*
      from deleted d
)
select etag(b.version, b.created_at) as etag,
       exists (select from deleted) as is_deleted
  from before b
