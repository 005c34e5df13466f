with created as (
             insert into clients (tenant_id, client_id, settings, client_metadata, client_secret)
             values ($1, $2, $3, $4, $5)
          returning *
         ), credentials as (
             insert into client_credentials (tenant_id, client_id, credential_id, document, public_key, expires_at)
             select s.tenant_id, s.client_id, c.id, c.document, c.public_key, c.expires_at
               from created s, unnest($7::text[], $8::jsonb[], $9::jsonb[], $10::timestamptz[]) c(id, document, public_key, expires_at)
          returning *
         ), credential_entries as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'client_credential.created', credential_id,
                    journal_changes(null, document || jsonb_build_object('client_id', client_id, 'expires_at', expires_at)), ($6::journal_author).*
               from credentials
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'client.created', client_id,
                    masked_changes(journal_changes(null, settings), array['addons', 'encryption_key'])
                    || case when client_metadata is not null
                            then jsonb_build_object('client_metadata', journal_changes(null, client_metadata)) else '{}' end
                    || '{"client_secret": {"after": "*****"}}', ($6::journal_author).*
               from created
         )
         select s.client_id, s.settings, s.client_metadata, s.client_secret, s.created_at, etag(s.version, s.created_at) as etag
           from created s
