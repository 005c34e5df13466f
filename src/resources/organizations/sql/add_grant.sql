with organization as (
             select organization_id
               from organizations
              where tenant_id = $1
                and organization_id = $2
                for no key update
         ), granted as (
             select *
               from client_grants
              where tenant_id = $1
                and grant_id = $3
                for key share
         ), added as (
             insert into organization_client_grants (tenant_id, organization_id, grant_id)
             select $1, o.organization_id, g.grant_id
               from organization o
              cross join granted g
          returning *
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'organization.client_grants_added', organization_id,
                    jsonb_build_object('client_grants', jsonb_build_object('after', jsonb_build_array(grant_id))), ($4::journal_author).*
               from added
         )
         select exists (select from organization) as has_organization, g.grant_id, g.client_id, g.audience, g.subject_type, g.scope, g.settings
           from (values (1)) one
           left join (granted g join added a on a.grant_id = g.grant_id) on true
