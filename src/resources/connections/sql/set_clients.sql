with missing as (
             select from unnest($3::text[] || $4::text[]) as named(id)
              where not exists (select from clients e where e.tenant_id = $1 and e.client_id = named.id and e.client_id is distinct from (select g.client_id from clients g where g.tenant_id = $1 and g.settings -> 'global' = 'true'))
         ), before as (
             select *, for_all_clients and cardinality($4) > 0 as ends_for_all
               from connections
              where tenant_id = $1
                and connection_id = $2
                and not exists (select from missing)
         ), enabled as (
             insert into connection_clients (tenant_id, connection_id, client_id)
             select b.tenant_id, b.connection_id, named.id
               from before b, unnest($3) as named(id)
              where not b.for_all_clients
              union all
             select b.tenant_id, b.connection_id, e.client_id
               from before b, clients e
              where b.ends_for_all
                and e.tenant_id = $1
                and e.client_id is distinct from (select g.client_id from clients g where g.tenant_id = $1 and g.settings -> 'global' = 'true')
                and e.client_id <> all($4)
                 on conflict do nothing
          returning client_id
         ), disabled as (
             delete from connection_clients k
              using before b
              where k.tenant_id = b.tenant_id
                and k.connection_id = b.connection_id
                and k.client_id = any($4)
          returning k.client_id
         ), changed as (
             update connections c
                set for_all_clients = c.for_all_clients and not b.ends_for_all,
                    version = c.version + 1,
                    updated_at = clock_timestamp()
               from before b
              where c.tenant_id = b.tenant_id
                and c.connection_id = b.connection_id
                and (b.ends_for_all or exists (select from enabled) or exists (select from disabled))
          returning c.tenant_id, c.connection_id, b.ends_for_all
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'connection.updated', connection_id, coalesce((select jsonb_build_object('enabled_clients', jsonb_object_agg(t.client_id, t.change))
                                from (select client_id, '{"after": true}'::jsonb as change from (select client_id from enabled where not ends_for_all) a
                                      union all
                                      select client_id, '{"before": true}' from (select client_id from disabled where not ends_for_all union all select named.id from unnest($4) as named(id) where ends_for_all) b) t
                              having count(*) > 0), '{}'), ($5::journal_author).*
               from changed
         )
         select exists (select from missing) as is_missing
