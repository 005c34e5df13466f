with client as (
             select tenant_id, client_id
               from clients
              where tenant_id = $1
                and client_id = $2
                and settings -> 'global' is distinct from 'true'
                for key share
         ), created as (
             insert into client_credentials (tenant_id, client_id, credential_id, document, public_key, expires_at)
             select tenant_id, client_id, $3, $4, $5, $6
               from client
          returning *
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'client_credential.created', credential_id,
                    journal_changes(null, document || jsonb_build_object('client_id', client_id, 'expires_at', expires_at)), ($7::journal_author).*
               from created
         )
         select c.credential_id, c.document, c.created_at, c.updated_at, c.expires_at
           from created c
