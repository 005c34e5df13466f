-- Reads an organization.
-- $1 tenant_id text
-- $2 organization_id text
select (
           '{"is_app_entitlement_active": false, "third_party_client_access": "block"}'::jsonb
           || o.settings
           || jsonb_build_object('id', o.organization_id, 'name', o.name)
       )::text as document
  from organizations o
 where o.tenant_id = $1
   and o.organization_id = $2
