select case when $5 then (select count(*)
                            from organizations c
                           where c.tenant_id = $1) end as total,
            o.organization_id,
            (o.settings || jsonb_build_object('id', o.organization_id, 'name', o.name))::text as document
       from (values (1)) one
       left join lateral (select *
                            from organizations l
                           where l.tenant_id = $1
                             and l.organization_id > coalesce($2::text, '')
                           order by l.organization_id
                           limit $3
                          offset $4) o on true
