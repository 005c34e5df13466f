-- Finds an organization by its name.
-- $1 tenant_id text
-- $2 name text
select (
           '{"is_app_entitlement_active": false, "third_party_client_access": "block"}'::jsonb
           || o.settings
           || jsonb_build_object('id', o.organization_id, 'name', o.name)
       )::text as document
  from organizations o
 where o.tenant_id = $1
   and o.name = $2
