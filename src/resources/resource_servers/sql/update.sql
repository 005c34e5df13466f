with before as (
             select *
               from resource_servers
              where tenant_id = $1
                and resource_server_id = $2
                for update
         ), changed as (
             update resource_servers s
                set settings = (s.settings || $3) - $4::text[],
                    signing_secret = case when $5 then $6 else coalesce(s.signing_secret, $6) end,
                    updated_at = now()
               from before b
              where s.tenant_id = b.tenant_id
                and s.resource_server_id = b.resource_server_id
          returning s.*, b.settings as old_settings, b.signing_secret as old_secret
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'resource_server.updated', resource_server_id,
                    coalesce(journal_changes(old_settings, settings), '{}')
                    || case when signing_secret is distinct from old_secret then '{"signing_secret": {"after": "*****"}}' else '{}' end::jsonb, ($7::journal_author).*
               from changed
              where (settings, signing_secret) is distinct from (old_settings, old_secret)
         )
         select s.resource_server_id,
            s.identifier,
            s.settings #- '{token_encryption,encryption_key,pem}' as settings,
            s.signing_secret
           from changed s
