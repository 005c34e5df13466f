-- Creates a credential of a client; no row without the client. The global client has no credentials.
-- The lock keeps the client from being deleted before the credential is committed.
-- $1 tenant_id text
-- $2 client_id text
-- $3 credential_id text
-- $4 document jsonb
-- $5 public_key jsonb: a JSON Web Key, or null
-- $6 expires_at timestamptz: null for never
-- $7 author text: a journal_author
with client as (
    select c.client_id
      from clients c
     where c.tenant_id = $1
       and c.client_id = $2
       and c.settings -> 'global' is distinct from 'true'
       for key share
), created as (
    insert into client_credentials (tenant_id, client_id, credential_id, document, public_key, expires_at)
    select $1,
           c.client_id,
           $3,
           $4,
           $5,
           $6
      from client c
 returning *
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select c.tenant_id,
           'client_credential.created',
           c.credential_id,
           journal_changes(null, c.document || jsonb_build_object('client_id', c.client_id, 'expires_at', c.expires_at)),
           ($7::journal_author).*
      from created c
)
select c.credential_id,
       c.document,
       c.created_at,
       c.updated_at,
       c.expires_at
  from created c
