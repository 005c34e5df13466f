select (o.settings || jsonb_build_object('id', o.organization_id, 'name', o.name))::text
       from organizations o
      where o.tenant_id = $1
        and o.organization_id = $2
