with client as (
             select client_id
               from clients
              where tenant_id = $1
                and client_id = $3
                and settings -> 'global' is distinct from 'true'
                for key share
         ), api as (
             select identifier from resource_servers where tenant_id = $1 and identifier = $4 for key share
         ), created as (
             insert into client_grants (tenant_id, grant_id, client_id, audience, subject_type, scope, settings)
             select $1, $2, client_id, $4, $5, $6, $7
               from client
              where $8 or exists (select from api)
          returning *
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'client_grant.created', grant_id,
                    journal_changes(null, settings || jsonb_build_object('client_id', client_id, 'audience', audience, 'subject_type', subject_type, 'scope', scope)), ($9::journal_author).*
               from created
         )
         select exists (select from client) as has_client, g.grant_id, g.client_id, g.audience, g.subject_type, g.scope, g.settings
           from (values (1)) one
           left join created g on true
