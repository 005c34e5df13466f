-- Changes the expiry of a credential.
-- $1 tenant_id text
-- $2 client_id text
-- $3 credential_id text
-- $4 sets_expiry boolean: false to keep the present expiry
-- $5 expires_at timestamptz: null for never
-- $6 author text: a journal_author
with before as (
    select c.*
      from client_credentials c
     where c.tenant_id = $1
       and c.client_id = $2
       and c.credential_id = $3
       for update
), changed as (
    update client_credentials c
       set expires_at = case when $4 then $5 else b.expires_at end,
           updated_at = clock_timestamp()
      from before b
     where c.tenant_id = $1
       and c.client_id = b.client_id
       and c.credential_id = b.credential_id
 returning c.*,
           b.expires_at as old_expires_at
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select c.tenant_id,
           'client_credential.updated',
           c.credential_id,
           coalesce(journal_changes(
               jsonb_build_object('expires_at', c.old_expires_at), jsonb_build_object('expires_at', c.expires_at)
           ), '{}'),
           ($6::journal_author).*
      from changed c
)
select c.credential_id,
       c.document,
       c.created_at,
       c.updated_at,
       c.expires_at
  from changed c
