-- Finds an organization by its name.
-- $1 tenant_id text
-- $2 name text
select (o.settings || jsonb_build_object('id', o.organization_id, 'name', o.name))::text as document
  from organizations o
 where o.tenant_id = $1
   and o.name = $2
