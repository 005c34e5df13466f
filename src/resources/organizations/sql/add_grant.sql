-- Associates a client grant with an organization. A grant that the organization has fails the statement
-- (organization_client_grants_pkey), as does the 101st (organization_client_grants_limit, by trigger).
-- The lock of the organization is the one that the trigger takes: two statements that first take the weaker lock of the
-- foreign key would wait for each other. The lock of the grant prevents its deletion before the association exists.
-- $1 tenant_id text
-- $2 organization_id text
-- $3 grant_id text
-- $4 author text: a journal_author
with organization as (
    select o.organization_id
      from organizations o
     where o.tenant_id = $1
       and o.organization_id = $2
       for no key update
), client_grant as (
    select g.*
      from client_grants g
     where g.tenant_id = $1
       and g.grant_id = $3
       for key share
), added as (
    insert into organization_client_grants (tenant_id, organization_id, grant_id)
    select $1,
           o.organization_id,
           g.grant_id
      from organization o
     cross join client_grant g
 returning *
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select a.tenant_id,
           'organization.client_grants_added',
           a.organization_id,
           jsonb_build_object('client_grants', jsonb_build_object('after', jsonb_build_array(a.grant_id))),
           ($4::journal_author).*
      from added a
)
select exists (select from organization) as has_organization,
       g.grant_id,
       g.client_id,
       g.audience,
       g.subject_type,
       g.scope,
       g.settings
  from (values (1)) as one
  left join (client_grant g join added a on a.grant_id = g.grant_id) on true
