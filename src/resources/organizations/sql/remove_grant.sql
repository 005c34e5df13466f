with removed as (
             delete from organization_client_grants
              where tenant_id = $1
                and organization_id = $2
                and grant_id = $3
          returning *
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'organization.client_grants_removed', organization_id,
                    jsonb_build_object('client_grants', jsonb_build_object('before', jsonb_build_array(grant_id))), ($4::journal_author).*
               from removed
         )
         select exists (select from organizations where tenant_id = $1 and organization_id = $2)
