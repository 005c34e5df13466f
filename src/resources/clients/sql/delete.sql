-- Deletes a client that the transaction has locked (clients.lock), unless it is the global one, and what refers to it:
-- grants, credentials, enabled connections. Foreign keys would delete these too, but without journal entries.
-- `addons` and `encryption_key` can hold a secret under any key, so the journal masks their values.
-- $1 tenant_id text
-- $2 client_id text
-- $3 author text: a journal_author
with target as (
    select c.tenant_id,
           c.client_id
      from clients c
     where c.tenant_id = $1
       and c.client_id = $2
), deleted as (
    delete from clients c
     using target t
     where c.tenant_id = $1
       and c.client_id = t.client_id
       and c.settings -> 'global' is distinct from 'true'
 returning c.*
), deleted_grant as (
    delete from client_grants g
     using deleted d
     where g.tenant_id = $1
       and g.client_id = d.client_id
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
), disabled_connection as (
    delete from connection_clients k
     using deleted d
     where k.tenant_id = $1
       and k.client_id = d.client_id
 returning k.*
), connection_journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select k.tenant_id,
           'connection.updated',
           k.connection_id,
           jsonb_build_object('enabled_clients', jsonb_build_object(k.client_id, '{"before": true}'::jsonb)),
           ($3::journal_author).*
      from disabled_connection k
), deleted_credential as (
    delete from client_credentials c
     using deleted d
     where c.tenant_id = $1
       and c.client_id = d.client_id
 returning c.*
), credential_journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select c.tenant_id,
           'client_credential.deleted',
           c.credential_id,
           journal_changes(c.document || jsonb_build_object('client_id', c.client_id, 'expires_at', c.expires_at), null),
           ($3::journal_author).*
      from deleted_credential c
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select d.tenant_id,
           'client.deleted',
           d.client_id,
           masked_changes(journal_changes(d.settings, null), array['addons', 'encryption_key'])
           || case when d.client_metadata is not null
                   then jsonb_build_object('client_metadata', journal_changes(d.client_metadata, null))
                   else '{}' end
           || case when d.client_secret is not null then '{"client_secret": {"before": "*****"}}'::jsonb
                   else '{}' end,
           ($3::journal_author).*
      from deleted d
)
select not exists (select from deleted) as is_global
  from target
