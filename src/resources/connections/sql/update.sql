-- Changes a connection that the transaction has locked (connections.lock): replaces its options and its clients if
-- they are given, and each given member of the rest of its document. The row returned has the tag of the state before
-- the change, and nulls where the precondition fails.
-- Options and clients that are not given are null. The new clients are not in the snapshot of the statement, so the
-- answer takes them from the parameter.
-- $1 tenant_id text
-- $2 connection_id text
-- $3 options jsonb: secrets masked
-- $4 secrets bytea: those of the new options, sealed; null without secrets
-- $5 settings jsonb: other members of the document to replace
-- $6 enabled_clients text[]: ids, which may repeat
-- $7 if_match text[]: null without a precondition
-- $8 author text: a journal_author
with before as (
    select c.*,
           etag(c.version, c.created_at) as etag
      from connections c
     where c.tenant_id = $1
       and c.connection_id = $2
), changed as (
    update connections c
       set options = coalesce($3::jsonb, b.options),
           secrets = case when $3 is null then b.secrets else $4::bytea end,
           settings = b.settings || $5::jsonb,
           for_all_clients = b.for_all_clients and $6::text[] is null,
           version = b.version + 1,
           updated_at = clock_timestamp()
      from before b
     where c.tenant_id = $1
       and c.connection_id = b.connection_id
       and ($7::text[] is null or b.etag = any($7))
 returning c.*,
           b.options as old_options,
           b.settings as old_settings,
           b.secrets as old_secrets,
           b.for_all_clients as was_for_all_clients
), disabled as (
    delete from connection_clients k
     using changed c
     where k.tenant_id = $1
       and k.connection_id = c.connection_id
       and $6 is not null
       and not exists (select from unnest($6) as named(client_id) where named.client_id = k.client_id)
 returning k.client_id
), enabled as (
    insert into connection_clients (tenant_id, connection_id, client_id)
    select distinct c.tenant_id,
           c.connection_id,
           named.client_id
      from changed c
     cross join unnest($6) as named(client_id)
        on conflict do nothing
 returning client_id
), client_change as (
    select e.client_id,
           '{"after": true}'::jsonb as change
      from enabled e
     union all
    select d.client_id,
           '{"before": true}'
      from disabled d
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select c.tenant_id,
           'connection.updated',
           c.connection_id,
           coalesce(journal_changes(
               jsonb_build_object('name', c.name, 'strategy', c.strategy, 'options', c.old_options) || c.old_settings,
               jsonb_build_object('name', c.name, 'strategy', c.strategy, 'options', c.options) || c.settings
           ), '{}') || jsonb_strip_nulls(jsonb_build_object(
               'enabled_clients', (select jsonb_object_agg(t.client_id, t.change) from client_change t),
               'for_all_clients', case when c.was_for_all_clients and not c.for_all_clients
                                       then '{"before": true, "after": false}'::jsonb end,
               'secrets', case when $3 is not null and (c.secrets is not null or c.old_secrets is not null)
                               then '{"before": "*****", "after": "*****"}'::jsonb end
           )),
           ($8::journal_author).*
      from changed c
)
select b.etag as old_etag,
       c.connection_id,
       c.name,
       c.strategy,
       c.options,
       c.secrets,
       c.settings,
       case when $6 is not null
            then array(select distinct named.client_id
                         from unnest($6) as named(client_id)
                        order by named.client_id)
            when c.for_all_clients
            then array(select e.client_id
                         from clients e
                        where e.tenant_id = $1
                          and e.client_id is distinct from (select g.client_id
                                                              from clients g
                                                             where g.tenant_id = $1
                                                               and g.settings -> 'global' = 'true')
                        order by e.client_id)
            else array(select k.client_id
                         from connection_clients k
                        where k.tenant_id = $1
                          and k.connection_id = c.connection_id
                        order by k.client_id) end as enabled_clients,
       etag(c.version, c.created_at) as etag
  from before b
  left join changed c on true
