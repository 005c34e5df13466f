-- Enables a connection that the transaction has locked (connections.lock) for some clients and disables it for others.
-- If one of them does not exist, nothing changes. A connection for all clients becomes one for every client that exists
-- now and is not disabled; its journal entry names the disabled ones alone.
-- $1 tenant_id text
-- $2 connection_id text
-- $3 enable text[]
-- $4 disable text[]
-- $5 author text: a journal_author
with missing as (
    select
      from unnest($3::text[] || $4::text[]) as named(client_id)
     where not exists (select from clients e
                        where e.tenant_id = $1
                          and e.client_id = named.client_id
                          and e.client_id is distinct from (select g.client_id
                                                              from clients g
                                                             where g.tenant_id = $1
                                                               and g.settings -> 'global' = 'true'))
), before as (
    select c.*,
           c.for_all_clients and cardinality($4) > 0 as ends_for_all
      from connections c
     where c.tenant_id = $1
       and c.connection_id = $2
       and not exists (select from missing)
), enabled as (
    insert into connection_clients (tenant_id, connection_id, client_id)
    select b.tenant_id,
           b.connection_id,
           named.client_id
      from before b
     cross join unnest($3) as named(client_id)
     where not b.for_all_clients
     union all
    select b.tenant_id,
           b.connection_id,
           e.client_id
      from before b
      join clients e
        on e.tenant_id = $1
       and e.client_id is distinct from (select g.client_id
                                           from clients g
                                          where g.tenant_id = $1
                                            and g.settings -> 'global' = 'true')
       and e.client_id <> all($4)
     where b.ends_for_all
        on conflict do nothing
 returning client_id
), disabled as (
    delete from connection_clients k
     using before b
     where k.tenant_id = $1
       and k.connection_id = b.connection_id
       and k.client_id = any($4)
 returning k.client_id
), changed as (
    update connections c
       set for_all_clients = c.for_all_clients and not b.ends_for_all,
           version = c.version + 1,
           updated_at = clock_timestamp()
      from before b
     where c.tenant_id = $1
       and c.connection_id = b.connection_id
       and (b.ends_for_all or exists (select from enabled) or exists (select from disabled))
 returning c.tenant_id,
           c.connection_id,
           b.ends_for_all
), client_change as (
    select e.client_id,
           '{"after": true}'::jsonb as change
      from changed c
     cross join enabled e
     where not c.ends_for_all
     union all
    select d.client_id,
           '{"before": true}'
      from changed c
     cross join disabled d
     where not c.ends_for_all
     union all
    select named.client_id,
           '{"before": true}'
      from changed c
     cross join unnest($4) as named(client_id)
     where c.ends_for_all
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select c.tenant_id,
           'connection.updated',
           c.connection_id,
           jsonb_build_object('enabled_clients', (select jsonb_object_agg(t.client_id, t.change) from client_change t)),
           ($5::journal_author).*
      from changed c
)
select exists (select from missing) as is_client_missing
