-- A page of the organizations of a tenant, in the order of their ids. An empty page is one row of nulls beside the
-- total.
-- $1 tenant_id text
-- $2 from text: the last id of the page before; null for the first page
-- $3 limit bigint
-- $4 offset bigint
-- $5 with_total boolean
select case when $5::boolean then (select count(*)
                                     from organizations n
                                    where n.tenant_id = $1) end as total,
       o.organization_id,
       (
           '{"is_app_entitlement_active": false, "third_party_client_access": "block"}'::jsonb
           || o.settings
           || jsonb_build_object('id', o.organization_id, 'name', o.name)
       )::text as document
  from (values (1)) as one
  left join lateral (
           select m.*
             from organizations m
            where m.tenant_id = $1
              and m.organization_id > coalesce($2::text, '')
            order by m.organization_id
            limit $3
           offset $4
       ) o on true
 order by o.organization_id
