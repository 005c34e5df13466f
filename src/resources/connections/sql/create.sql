with created as (
             insert into connections (tenant_id, connection_id, name, strategy, options, secrets, settings)
             values ($1, $2, $3, $4, $5, $6, $7)
          returning *
         ), enabled as (
             insert into connection_clients (tenant_id, connection_id, client_id)
             select distinct tenant_id, connection_id, client.id
               from created, unnest($8::text[]) as client(id)
          returning client_id
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'connection.created', connection_id, journal_changes(null, jsonb_build_object('name', name, 'strategy', strategy, 'options', options) || settings) || coalesce((select jsonb_build_object('enabled_clients', jsonb_object_agg(t.client_id, t.change))
                                from (select client_id, '{"after": true}'::jsonb as change from (select client_id from enabled) a
                                      union all
                                      select client_id, '{"before": true}' from (select client_id from enabled where false) b) t
                              having count(*) > 0), '{}') || case when secrets is not null then '{"secrets": {"after": "*****"}}' else '{}' end::jsonb, ($9::journal_author).*
               from created
         )
         select s.connection_id, s.name, s.strategy, s.options, s.secrets, s.settings, array(select client_id from enabled order by client_id) as enabled_clients, etag(s.version, s.created_at) as etag
           from created s
