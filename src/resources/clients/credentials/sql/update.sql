with before as (
             select *
               from client_credentials
              where tenant_id = $1
                and client_id = $2
                and credential_id = $3
                for update
         ), changed as (
             update client_credentials c
                set expires_at = case when $4 then $5 else b.expires_at end,
                    updated_at = clock_timestamp()
               from before b
              where c.tenant_id = b.tenant_id
                and c.client_id = b.client_id
                and c.credential_id = b.credential_id
          returning c.*, b.expires_at as old_expires_at
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'client_credential.updated', credential_id,
                    coalesce(journal_changes(jsonb_build_object('expires_at', old_expires_at), jsonb_build_object('expires_at', expires_at)), '{}'), ($6::journal_author).*
               from changed
         )
         select c.credential_id, c.document, c.created_at, c.updated_at, c.expires_at
           from changed c
