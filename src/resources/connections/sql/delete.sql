-- Deletes a connection and queues the erasure of its users (users/erasure). Repeated, it finds the queued erasure
-- instead, as long as users are left and no new connection has the name.
-- $1 tenant_id text
-- $2 connection_id text
-- $3 now timestamptz
-- $4 author text: a journal_author
with deleted as (
    delete from connections c
     where c.tenant_id = $1
       and c.connection_id = $2
 returning c.*
), queued as (
    insert into connection_deletions (tenant_id, connection_id, name, author, deleted_at, due_at)
    select d.tenant_id,
           d.connection_id,
           d.name,
           $4::journal_author,
           $3,
           $3
      from deleted d
 returning deleted_at
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select d.tenant_id,
           'connection.deleted',
           d.connection_id,
           journal_changes(
               jsonb_build_object('name', d.name, 'strategy', d.strategy, 'options', d.options) || d.settings,
               null
           ) || case when d.secrets is not null then '{"secrets": {"before": "*****"}}'::jsonb else '{}' end,
           ($4::journal_author).*
      from deleted d
)
select q.deleted_at
  from queued q
 union all
select d.deleted_at
  from connection_deletions d
 where d.tenant_id = $1
   and d.connection_id = $2
   and exists (select from identities i
                where i.tenant_id = $1
                  and i.connection = d.name)
   and not exists (select from connections c
                    where c.tenant_id = $1
                      and c.name = d.name)
