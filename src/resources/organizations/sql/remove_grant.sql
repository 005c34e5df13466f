-- Removes the association of a client grant with an organization, if it exists.
-- $1 tenant_id text
-- $2 organization_id text
-- $3 grant_id text
-- $4 author text: a journal_author
with removed as (
    delete from organization_client_grants a
     where a.tenant_id = $1
       and a.organization_id = $2
       and a.grant_id = $3
 returning a.*
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select r.tenant_id,
           'organization.client_grants_removed',
           r.organization_id,
           jsonb_build_object('client_grants', jsonb_build_object('before', jsonb_build_array(r.grant_id))),
           ($4::journal_author).*
      from removed r
)
select exists (select from organizations o
                where o.tenant_id = $1
                  and o.organization_id = $2) as has_organization
