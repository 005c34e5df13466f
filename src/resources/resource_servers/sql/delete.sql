with deleted as (
             delete from resource_servers
              where tenant_id = $1
                and resource_server_id = (select n.resource_server_id
                   from resource_servers n
                  where n.tenant_id = $1
                    and (n.resource_server_id = $2 or n.identifier = $2)
                  order by n.resource_server_id = $2 desc
                  limit 1)
          returning *
         ), grants as (
             delete from client_grants g
              using deleted d
              where g.tenant_id = d.tenant_id
                and g.audience = d.identifier
          returning g.*
         ), grant_entries as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'client_grant.deleted', grant_id,
                    journal_changes(settings || jsonb_build_object('client_id', client_id, 'audience', audience, 'subject_type', subject_type, 'scope', scope), null), ($3::journal_author).*
               from grants
         )
         insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
         select tenant_id, 'resource_server.deleted', resource_server_id,
                journal_changes(settings || jsonb_build_object('identifier', identifier), null)
                || case when signing_secret is not null then '{"signing_secret": {"before": "*****"}}' else '{}' end::jsonb, ($3::journal_author).*
           from deleted
