-- A page of the organizations that a client grant is associated with, in the order of their ids: no row without the
-- grant, one row of nulls beside the total on an empty page.
-- $1 tenant_id text
-- $2 grant_id text
-- $3 from text: the last id of the page before; null for the first page
-- $4 limit bigint
-- $5 offset bigint
-- $6 with_total boolean
select case when $6::boolean then (select count(*)
                                     from organization_client_grants n
                                    where n.tenant_id = $1
                                      and n.grant_id = $2) end as total,
       o.organization_id,
       (
           '{"is_app_entitlement_active": false, "third_party_client_access": "block"}'::jsonb
           || o.settings
           || jsonb_build_object('id', o.organization_id, 'name', o.name)
       )::text as document
  from client_grants g
  left join lateral (
           select m.*
             from organization_client_grants a
             join organizations m
               on m.tenant_id = $1
              and m.organization_id = a.organization_id
            where a.tenant_id = $1
              and a.grant_id = $2
              and a.organization_id > coalesce($3::text, '')
            order by a.organization_id
            limit $4
           offset $5
       ) o on true
 where g.tenant_id = $1
   and g.grant_id = $2
 order by o.organization_id
