select case when $6 then (select count(*)
                            from organization_client_grants c
                           where c.tenant_id = $1
                             and c.grant_id = $2) end as total,
            o.organization_id,
            (o.settings || jsonb_build_object('id', o.organization_id, 'name', o.name))::text as document
       from client_grants g
       left join lateral (select l.*
                            from organization_client_grants a
                            join organizations l on l.tenant_id = a.tenant_id and l.organization_id = a.organization_id
                           where a.tenant_id = $1
                             and a.grant_id = $2
                             and a.organization_id > coalesce($3::text, '')
                           order by a.organization_id
                           limit $4
                          offset $5) o on true
      where g.tenant_id = $1
        and g.grant_id = $2
