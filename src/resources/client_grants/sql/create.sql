-- Creates a grant. The row that is returned has nulls where the client or the API does not exist. The global client has
-- no grants, and neither has a client for express configuration. A default grant has no client.
-- The locks keep the client and the API from being deleted before the grant is committed.
-- $1 tenant_id text
-- $2 grant_id text
-- $3 client_id text: null for a default grant
-- $4 audience text: the identifier of the API
-- $5 subject_type text
-- $6 scope text[]
-- $7 settings jsonb
-- $8 is_management boolean: the API is the Management API, which is not stored
-- $9 author text: a journal_author
with client as (
    select c.client_id,
           coalesce(c.settings ->> 'app_type' = 'express_configuration', false) as is_express_configuration
      from clients c
     where c.tenant_id = $1
       and c.client_id = $3
       and c.settings -> 'global' is distinct from 'true'
       for key share
), api as (
    select s.identifier
      from resource_servers s
     where s.tenant_id = $1
       and s.identifier = $4
       for key share
), created as (
    insert into client_grants (tenant_id, grant_id, client_id, audience, subject_type, scope, settings)
    select $1,
           $2,
           c.client_id,
           $4,
           $5,
           $6,
           $7
      from (values (1)) as one
      left join client c on true
     where ($8 or exists (select from api))
       and case when $3 is null then true else not c.is_express_configuration end
 returning *
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select g.tenant_id,
           'client_grant.created',
           g.grant_id,
           journal_changes(null, g.settings || jsonb_build_object(
               'client_id', g.client_id, 'audience', g.audience, 'subject_type', g.subject_type, 'scope', g.scope
           )),
           ($9::journal_author).*
      from created g
)
select $3 is null or exists (select from client) as has_client,
       coalesce((select is_express_configuration from client), false) as is_express_configuration,
       g.grant_id,
       g.client_id,
       g.audience,
       g.subject_type,
       g.scope,
       g.settings
  from (values (1)) as one
  left join created g on true
