-- Changes an organization: replaces its name and each given setting. A change that changes nothing has no journal
-- entry.
-- $1 tenant_id text
-- $2 organization_id text
-- $3 name text: null keeps the name
-- $4 set_settings jsonb
-- $5 unset_settings text[]
-- $6 author text: a journal_author
with before as (
    select o.*
      from organizations o
     where o.tenant_id = $1
       and o.organization_id = $2
       for update
), updated as (
    update organizations o
       set name = coalesce($3, b.name),
           settings = (b.settings || $4) - $5::text[],
           updated_at = now()
      from before b
     where o.tenant_id = $1
       and o.organization_id = b.organization_id
 returning o.*,
           b.name as old_name,
           b.settings as old_settings
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select u.tenant_id,
           'organization.updated',
           u.organization_id,
           journal_changes(
               u.old_settings || jsonb_build_object('name', u.old_name),
               u.settings || jsonb_build_object('name', u.name)
           ),
           ($6::journal_author).*
      from updated u
     where (u.old_name, u.old_settings) is distinct from (u.name, u.settings)
)
select (
           '{"is_app_entitlement_active": false, "third_party_client_access": "block"}'::jsonb
           || u.settings
           || jsonb_build_object('id', u.organization_id, 'name', u.name)
       )::text as document
  from updated u
