-- Creates a connection and enables it for clients. A client that does not exist fails the statement
-- (connection_clients_client_fkey), as does the name of a deleted connection that has users left
-- (connection_deletions_name, by trigger).
-- $1 tenant_id text
-- $2 connection_id text
-- $3 name text
-- $4 strategy text
-- $5 options jsonb: secrets masked
-- $6 secrets bytea: sealed; null without secrets
-- $7 settings jsonb: the other members of the document
-- $8 enabled_clients text[]: ids, which may repeat
-- $9 author text: a journal_author
with created as (
    insert into connections (tenant_id, connection_id, name, strategy, options, secrets, settings)
    values ($1, $2, $3, $4, $5, $6, $7)
 returning *
), enabled as (
    insert into connection_clients (tenant_id, connection_id, client_id)
    select distinct c.tenant_id,
           c.connection_id,
           named.client_id
      from created c
     cross join unnest($8::text[]) as named(client_id)
 returning client_id
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select c.tenant_id,
           'connection.created',
           c.connection_id,
           journal_changes(
               null,
               jsonb_build_object('name', c.name, 'strategy', c.strategy, 'options', c.options) || c.settings
           ) || jsonb_strip_nulls(jsonb_build_object(
               'enabled_clients', (select jsonb_object_agg(e.client_id, '{"after": true}'::jsonb) from enabled e),
               'secrets', case when c.secrets is not null then '{"after": "*****"}'::jsonb end
           )),
           ($9::journal_author).*
      from created c
)
select c.connection_id,
       c.name,
       c.strategy,
       c.options,
       c.secrets,
       c.settings,
       array(select e.client_id from enabled e order by e.client_id) as enabled_clients,
       etag(c.version, c.created_at) as etag
  from created c
