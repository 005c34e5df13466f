with deleted as (
             delete from client_grants
              where tenant_id = $1
                and grant_id = $2
          returning *
         )
         insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
         select tenant_id, 'client_grant.deleted', grant_id,
                journal_changes(settings || jsonb_build_object('client_id', client_id, 'audience', audience, 'subject_type', subject_type, 'scope', scope), null), ($3::journal_author).*
           from deleted
