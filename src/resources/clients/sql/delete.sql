with target as (
             select *
               from clients
              where tenant_id = $1
                and client_id = $2
         ), deleted as (
             delete from clients c
              using target t
              where c.tenant_id = t.tenant_id
                and c.client_id = t.client_id
                and c.settings -> 'global' is distinct from 'true'
          returning c.*
         ), grants as (
             delete from client_grants g
              using deleted d
              where g.tenant_id = d.tenant_id
                and g.client_id = d.client_id
          returning g.*
         ), grant_entries as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'client_grant.deleted', grant_id,
                    journal_changes(settings || jsonb_build_object('client_id', client_id, 'audience', audience, 'subject_type', subject_type, 'scope', scope), null), ($3::journal_author).*
               from grants
         ), disabled as (
             delete from connection_clients k
              using deleted d
              where k.tenant_id = d.tenant_id
                and k.client_id = d.client_id
          returning k.*
         ), disabled_entries as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'connection.updated', connection_id,
                    jsonb_build_object('enabled_clients', jsonb_build_object(client_id, '{"before": true}'::jsonb)), ($3::journal_author).*
               from disabled
         ), credentials as (
             delete from client_credentials c
              using deleted d
              where c.tenant_id = d.tenant_id
                and c.client_id = d.client_id
          returning c.*
         ), credential_entries as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'client_credential.deleted', credential_id,
                    journal_changes(document || jsonb_build_object('client_id', client_id, 'expires_at', expires_at), null), ($3::journal_author).*
               from credentials
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'client.deleted', client_id,
                    masked_changes(journal_changes(settings, null), array['addons', 'encryption_key'])
                    || case when client_metadata is not null
                            then jsonb_build_object('client_metadata', journal_changes(client_metadata, null)) else '{}' end
                    || case when client_secret is not null then '{"client_secret": {"before": "*****"}}' else '{}' end::jsonb, ($3::journal_author).*
               from deleted
         )
         select not exists (select from deleted) as kept from target
