-- Creates a client with the credentials that its settings name. No row is returned if they name an API that does not
-- exist.
-- `addons` and `encryption_key` can hold a secret under any key, so the journal masks their values.
-- $1 tenant_id text
-- $2 client_id text
-- $3 settings jsonb: secrets masked
-- $4 client_metadata jsonb: null without metadata
-- $5 client_secret bytea: sealed; null for a client without one
-- $6 credential_ids text[]
-- $7 credential_documents jsonb[]
-- $8 credential_public_keys jsonb[]: JSON Web Keys; null for a credential without one
-- $9 credential_expiries timestamptz[]: null for a credential that does not expire
-- $10 author text: a journal_author
-- $11 secrets bytea: the secrets among the settings, sealed; null without any
-- $12 policy_audiences text[]: the identifiers of the APIs that the settings name
with created as (
    insert into clients (tenant_id, client_id, settings, client_metadata, client_secret, secrets)
    select $1,
           $2,
           $3,
           $4,
           $5,
           $11
     where not exists (select from unnest($12::text[]) as named(identifier)
                        where not exists (select from resource_servers s
                                           where s.tenant_id = $1
                                             and s.identifier = named.identifier))
 returning *
), created_credential as (
    insert into client_credentials (tenant_id, client_id, credential_id, document, public_key, expires_at)
    select c.tenant_id,
           c.client_id,
           n.credential_id,
           n.document,
           n.public_key,
           n.expires_at
      from created c
     cross join unnest($6::text[], $7::jsonb[], $8::jsonb[], $9::timestamptz[])
           as n(credential_id, document, public_key, expires_at)
 returning *
), credential_journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select c.tenant_id,
           'client_credential.created',
           c.credential_id,
           journal_changes(null, c.document || jsonb_build_object('client_id', c.client_id, 'expires_at', c.expires_at)),
           ($10::journal_author).*
      from created_credential c
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select c.tenant_id,
           'client.created',
           c.client_id,
           masked_changes(journal_changes(null, c.settings), array['addons', 'encryption_key'])
           || case when c.client_metadata is not null
                   then jsonb_build_object('client_metadata', journal_changes(null, c.client_metadata))
                   else '{}' end
           || case when c.client_secret is not null then '{"client_secret": {"after": "*****"}}'::jsonb
                   else '{}' end,
           ($10::journal_author).*
      from created c
)
select c.client_id,
       c.settings,
       c.client_metadata,
       c.client_secret,
       c.secrets,
       c.created_at,
       etag(c.version, c.created_at) as etag
  from created c
