-- A page of the roles of a tenant by name, and the number of all that match.
-- $1 tenant_id text
-- $2 name_filter text: a part of the name in any case, or null
-- $3 limit bigint
-- $4 offset bigint
with matching as (
    select role_id,
           name,
           description,
           type,
           owner_id
      from roles
     where tenant_id = $1
       and ($2::text is null or position(lower($2) in lower(name)) > 0)
)
select array(
           select json_strip_nulls(json_build_object(
               'id', role_id,
               'name', name,
               'description', coalesce(description, ''),
               'type', type,
               'owner_id', owner_id
           ))::text
             from matching
            order by name
            limit $3
           offset $4
       ) as documents,
       (select count(*) from matching) as total
