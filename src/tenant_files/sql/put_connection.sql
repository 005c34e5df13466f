-- Creates a connection, or overlays the options that a file names and declares its clients. This statement reads the
-- enabled clients in its snapshot, so tenant_files.lock_connection runs before. An unchanged connection is not written
-- and returns no row.
-- $1 tenant_id text
-- $2 connection_id text: for a new connection
-- $3 name text
-- $4 strategy text
-- $5 options jsonb: of a new connection
-- $6 named_options jsonb: the options that the file names
-- $7 enabled_clients text[]: client ids; null for all clients
-- $8 names_clients boolean: whether the file names the clients; a new connection gets $7 in any case
-- $9 author text: a journal_author
-- $10 removed_options text[]: options that the named options exclude
with old as (
    select c.connection_id,
           c.options,
           case when not c.for_all_clients then array(
               select e.client_id
                 from connection_clients e
                where e.tenant_id = $1
                  and e.connection_id = c.connection_id
                order by e.client_id
           ) end as enabled_clients
      from connections c
     where c.tenant_id = $1
       and c.name = $3
), declared as (
    select n.names_clients,
           case when not n.names_clients then (select enabled_clients from old)
                when $7::text[] is not null then array(
                    select distinct e.client_id
                      from unnest($7) as e(client_id)
                     order by e.client_id
                ) end as enabled_clients
      from (select $8 or not exists (select from old)) as n(names_clients)
), written as (
    insert into connections (tenant_id, connection_id, name, strategy, options, for_all_clients)
    select $1,
           $2,
           $3,
           $4,
           $5::jsonb,
           d.enabled_clients is null
      from declared d
        on conflict (tenant_id, name)
        do update
       set options = overlay_settings(connections.options - $10::text[], $6),
           for_all_clients = excluded.for_all_clients,
           version = connections.version + 1,
           updated_at = now()
     where overlay_settings(connections.options - $10::text[], $6) is distinct from connections.options
        or (select enabled_clients from declared) is distinct from (select enabled_clients from old)
 returning tenant_id,
           connection_id,
           name,
           options
), disabled as (
    delete from connection_clients e
     using written w,
           declared d
     where e.tenant_id = $1
       and e.connection_id = w.connection_id
       and d.names_clients
       and e.client_id <> all(coalesce(d.enabled_clients, '{}'))
), enabled as (
    insert into connection_clients (tenant_id, connection_id, client_id)
    select w.tenant_id,
           w.connection_id,
           e.client_id
      from written w
     cross join declared d
     cross join unnest(d.enabled_clients) as e(client_id)
     where d.names_clients
        on conflict
        do nothing
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select w.tenant_id,
           case when o.options is null then 'connection.created' else 'connection.updated' end,
           w.connection_id,
           journal_changes(
               case when o.options is not null then jsonb_build_object(
                   'name', w.name,
                   'options', o.options,
                   'enabled_clients', o.enabled_clients
               ) end,
               jsonb_build_object(
                   'name', w.name,
                   'options', w.options,
                   'enabled_clients', d.enabled_clients
               )),
           ($9::journal_author).*
      from written w
     cross join declared d
      left join old o
        on true
)
select not exists (select from old) as is_new
  from written
