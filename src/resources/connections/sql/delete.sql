with deleted as (
             delete from connections
              where tenant_id = $1
                and connection_id = $2
          returning *
         ), pending as (
             insert into connection_deletions (tenant_id, connection_id, name, author, deleted_at, due_at)
             select tenant_id, connection_id, name, $4::journal_author, $3, $3
               from deleted
          returning deleted_at
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'connection.deleted', connection_id, journal_changes(jsonb_build_object('name', name, 'strategy', strategy, 'options', options) || settings, null) || case when secrets is not null then '{"secrets": {"before": "*****"}}' else '{}' end::jsonb, ($4::journal_author).*
               from deleted
         )
         select deleted_at from pending
          union all
         select d.deleted_at
           from connection_deletions d
          where d.tenant_id = $1
            and d.connection_id = $2
            and exists (select from identities i where i.tenant_id = d.tenant_id and i.connection = d.name)
            and not exists (select from connections n where n.tenant_id = d.tenant_id and n.name = d.name)
