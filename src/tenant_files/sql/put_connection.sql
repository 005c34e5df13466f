with old as (
             select c.connection_id, c.options,
                    case when not c.for_all_clients then array(
                        select k.client_id from connection_clients k
                         where k.tenant_id = c.tenant_id and k.connection_id = c.connection_id
                         order by k.client_id) end as enabled_clients
               from connections c
              where c.tenant_id = $1
                and c.name = $3
         ), wanted as (
             select case when not named then (select enabled_clients from old)
                         when $7::text[] is not null then array(select distinct id from unnest($7) as e(id) order by id) end as enabled_clients,
                    named
               from (select $8 or not exists (select from old)) as e(named)
         ), written as (
             insert into connections (tenant_id, connection_id, name, strategy, options, for_all_clients)
             select $1, $2, $3, $4, $5::jsonb, enabled_clients is null
               from wanted
                 on conflict (tenant_id, name)
                 do update set options = overlay_settings(connections.options - $10::text[], $6),
                               for_all_clients = excluded.for_all_clients,
                               version = connections.version + 1,
                               updated_at = now()
                      where overlay_settings(connections.options - $10::text[], $6) is distinct from connections.options
                         or (select enabled_clients from wanted) is distinct from (select enabled_clients from old)
          returning tenant_id, connection_id, name, options
         ), disabled as (
             delete from connection_clients k
              using written w, wanted
              where k.tenant_id = w.tenant_id
                and k.connection_id = w.connection_id
                and wanted.named
                and k.client_id <> all(coalesce(wanted.enabled_clients, '{}'))
         ), enabled as (
             insert into connection_clients (tenant_id, connection_id, client_id)
             select w.tenant_id, w.connection_id, e.id
               from written w, wanted, unnest(wanted.enabled_clients) as e(id)
              where wanted.named
                 on conflict do nothing
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select w.tenant_id, case when o.options is null then 'connection.created' else 'connection.updated' end, w.connection_id,
                    journal_changes(case when o.options is not null then jsonb_build_object('name', w.name, 'options', o.options, 'enabled_clients', o.enabled_clients) end,
                                    jsonb_build_object('name', w.name, 'options', w.options, 'enabled_clients', wanted.enabled_clients)), ($9::journal_author).*
               from written w cross join wanted left join old o on true
         )
         select not exists (select from old) from written
