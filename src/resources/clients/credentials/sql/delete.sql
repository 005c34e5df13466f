-- Deletes a credential, and its id from the settings of its client.
-- The client is locked before the credential, as by clients.update.
-- $1 tenant_id text
-- $2 client_id text
-- $3 credential_id text
-- $4 pointers text[]: the lists of credentials in the settings, as JSON pointers (RFC 6901)
-- $5 author text: a journal_author
with client as (
    select c.client_id,
           c.settings,
           without_credential(c.settings, $4, $3) as settings_left
      from clients c
     where c.tenant_id = $1
       and c.client_id = $2
       for update
), deleted as (
    delete from client_credentials c
     using client k
     where c.tenant_id = $1
       and c.client_id = k.client_id
       and c.credential_id = $3
 returning c.*
), changed_client as (
    update clients c
       set settings = k.settings_left,
           version = c.version + 1,
           updated_at = clock_timestamp()
      from client k
     cross join deleted d
     where c.tenant_id = $1
       and c.client_id = k.client_id
       and k.settings_left <> k.settings
 returning c.*,
           k.settings as old_settings
), client_journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select c.tenant_id,
           'client.updated',
           c.client_id,
           journal_changes(c.old_settings, c.settings),
           ($5::journal_author).*
      from changed_client c
)
insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
select d.tenant_id,
       'client_credential.deleted',
       d.credential_id,
       journal_changes(d.document || jsonb_build_object('client_id', d.client_id, 'expires_at', d.expires_at), null),
       ($5::journal_author).*
  from deleted d
