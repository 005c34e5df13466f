with before as (
             select *, etag(c.version, c.created_at) as tag
               from connections c
              where tenant_id = $1
                and connection_id = $2
         ), changed as (
             update connections c
                set options = coalesce($3::jsonb, b.options),
                    secrets = case when $3 is null then b.secrets else $4::bytea end,
                    settings = b.settings || $5::jsonb,
                    for_all_clients = b.for_all_clients and $6::text[] is null,
                    version = b.version + 1,
                    updated_at = clock_timestamp()
               from before b
              where c.tenant_id = b.tenant_id
                and c.connection_id = b.connection_id
                and ($7::text[] is null or b.tag = any($7))
          returning c.*, b.options as old_options, b.settings as old_settings, b.secrets as old_secrets,
                    b.for_all_clients as was_for_all
         ), disabled as (
             delete from connection_clients k
              using changed c
              where k.tenant_id = c.tenant_id
                and k.connection_id = c.connection_id
                and k.client_id <> all($6)
          returning k.client_id
         ), enabled as (
             insert into connection_clients (tenant_id, connection_id, client_id)
             select distinct c.tenant_id, c.connection_id, client.id
               from changed c, unnest($6) as client(id)
                 on conflict do nothing
          returning client_id
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'connection.updated', connection_id, coalesce(journal_changes(jsonb_build_object('name', name, 'strategy', strategy, 'options', old_options) || old_settings, jsonb_build_object('name', name, 'strategy', strategy, 'options', options) || settings), '{}') || coalesce((select jsonb_build_object('enabled_clients', jsonb_object_agg(t.client_id, t.change))
                                from (select client_id, '{"after": true}'::jsonb as change from (select client_id from enabled) a
                                      union all
                                      select client_id, '{"before": true}' from (select client_id from disabled) b) t
                              having count(*) > 0), '{}') || case when was_for_all and not for_all_clients then '{"for_all_clients": {"before": true, "after": false}}' else '{}' end::jsonb || case when $3 is not null and (secrets is not null or old_secrets is not null) then '{"secrets": {"before": "*****", "after": "*****"}}' else '{}' end::jsonb, ($8::journal_author).*
               from changed
         )
         select b.tag, s.connection_id, s.name, s.strategy, s.options, s.secrets, s.settings, case when $6 is null then case when s.for_all_clients
                  then array(select e.client_id from clients e
                               where e.tenant_id = $1 and e.client_id is distinct from (select g.client_id from clients g where g.tenant_id = $1 and g.settings -> 'global' = 'true') order by e.client_id)
                  else array(select k.client_id from connection_clients k
                              where k.tenant_id = s.tenant_id and k.connection_id = s.connection_id
                              order by k.client_id) end else array(select distinct id from unnest($6) as client(id) order by id) end as enabled_clients, etag(s.version, s.created_at) as etag
           from before b
           left join changed s on true
