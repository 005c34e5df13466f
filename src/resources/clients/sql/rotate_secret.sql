with changed as (
             update clients
                set client_secret = $3,
                    version = version + 1,
                    updated_at = clock_timestamp()
              where tenant_id = $1
                and client_id = $2
                and settings -> 'global' is distinct from 'true'
          returning *
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'client.secret_rotated', client_id,
                    '{"client_secret": {"before": "*****", "after": "*****"}}'::jsonb, ($4::journal_author).*
               from changed
         )
         select s.client_id, s.settings, s.client_metadata, s.client_secret, s.created_at, etag(s.version, s.created_at) as etag
           from changed s
