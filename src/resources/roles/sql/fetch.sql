-- The document of a role.
-- $1 tenant_id text
-- $2 role_id text
select json_strip_nulls(json_build_object(
           'id', role_id,
           'name', name,
           'description', coalesce(description, ''),
           'type', type,
           'owner_id', owner_id
       ))::text as document
  from roles
 where tenant_id = $1
   and role_id = $2
