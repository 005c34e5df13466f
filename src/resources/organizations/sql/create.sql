-- Creates an organization.
-- $1 tenant_id text
-- $2 organization_id text
-- $3 name text
-- $4 settings jsonb: the other members of the document
-- $5 author text: a journal_author
with created as (
    insert into organizations (tenant_id, organization_id, name, settings)
    values ($1, $2, $3, $4)
 returning *
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select c.tenant_id,
           'organization.created',
           c.organization_id,
           journal_changes(null, c.settings || jsonb_build_object('name', c.name)),
           ($5::journal_author).*
      from created c
)
select (
           '{"is_app_entitlement_active": false, "third_party_client_access": "block"}'::jsonb
           || c.settings
           || jsonb_build_object('id', c.organization_id, 'name', c.name)
       )::text as document
  from created c
