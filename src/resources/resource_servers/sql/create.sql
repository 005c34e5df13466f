with created as (
             insert into resource_servers (tenant_id, resource_server_id, identifier, settings, signing_secret)
             values ($1, $2, $3, $4, $5)
          returning *
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'resource_server.created', resource_server_id,
                    journal_changes(null, settings || jsonb_build_object('identifier', identifier))
                    || case when signing_secret is not null then '{"signing_secret": {"after": "*****"}}' else '{}' end::jsonb, ($6::journal_author).*
               from created
         )
         select s.resource_server_id,
            s.identifier,
            s.settings #- '{token_encryption,encryption_key,pem}' as settings,
            s.signing_secret
           from created s
