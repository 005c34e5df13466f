-- Deletes an API that the transaction has locked (resource_servers.lock), and the client grants for it.
-- Grants refer to the identifier without a foreign key, since the Management API is not stored.
-- $1 tenant_id text
-- $2 resource_server_id text
-- $3 author text: a journal_author
with deleted as (
    delete from resource_servers s
     where s.tenant_id = $1
       and s.resource_server_id = $2
 returning s.*
), deleted_grant as (
    delete from client_grants g
     using deleted d
     where g.tenant_id = $1
       and g.audience = d.identifier
 returning g.*
), grant_journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select g.tenant_id,
           'client_grant.deleted',
           g.grant_id,
           journal_changes(g.settings || jsonb_build_object(
               'client_id', g.client_id, 'audience', g.audience, 'subject_type', g.subject_type, 'scope', g.scope
           ), null),
           ($3::journal_author).*
      from deleted_grant g
)
insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
select s.tenant_id,
       'resource_server.deleted',
       s.resource_server_id,
       journal_changes(s.settings || jsonb_build_object('identifier', s.identifier), null)
       || case when s.signing_secret is not null then '{"signing_secret": {"before": "*****"}}'::jsonb
               else '{}' end,
       ($3::journal_author).*
  from deleted s
