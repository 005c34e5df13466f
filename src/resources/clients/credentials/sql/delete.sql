with client as (
             select * from clients where tenant_id = $1 and client_id = $2 for update
         ), deleted as (
             delete from client_credentials d
              using client k
              where d.tenant_id = k.tenant_id
                and d.client_id = k.client_id
                and d.credential_id = $3
          returning d.*
         ), changed as (
             update clients c
                set settings = without_credential(k.settings, $4, $3),
                    version = c.version + 1,
                    updated_at = clock_timestamp()
               from client k, deleted d
              where c.tenant_id = k.tenant_id
                and c.client_id = k.client_id
                and without_credential(k.settings, $4, $3) <> k.settings
          returning c.*, k.settings as old_settings
         ), client_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'client.updated', client_id, journal_changes(old_settings, settings), ($5::journal_author).*
               from changed
         )
         insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
         select tenant_id, 'client_credential.deleted', credential_id,
                journal_changes(document || jsonb_build_object('client_id', client_id, 'expires_at', expires_at), null), ($5::journal_author).*
           from deleted
