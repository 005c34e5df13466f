-- Creates an API. A trigger keeps its scopes as rows of `permissions`.
-- The key that tokens are encrypted with (`pem`) is never answered.
-- $1 tenant_id text
-- $2 resource_server_id text
-- $3 identifier text
-- $4 settings jsonb
-- $5 signing_secret bytea: sealed; null without a secret
-- $6 author text: a journal_author
with created as (
    insert into resource_servers (tenant_id, resource_server_id, identifier, settings, signing_secret)
    values ($1, $2, $3, $4, $5)
 returning *
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select s.tenant_id,
           'resource_server.created',
           s.resource_server_id,
           journal_changes(null, s.settings || jsonb_build_object('identifier', s.identifier))
           || case when s.signing_secret is not null then '{"signing_secret": {"after": "*****"}}'::jsonb
                   else '{}' end,
           ($6::journal_author).*
      from created s
)
select s.resource_server_id,
       s.identifier,
       s.settings #- '{token_encryption,encryption_key,pem}' as settings,
       s.signing_secret,
       (select c.client_id
          from clients c
         where c.tenant_id = $1
           and c.settings ? 'resource_server_identifier'
           and c.settings ->> 'resource_server_identifier' = s.identifier
         order by c.client_id
         limit 1) as client_id
  from created s
