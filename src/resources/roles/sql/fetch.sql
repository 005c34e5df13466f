select json_strip_nulls(json_build_object('id', r.role_id, 'name', r.name, 'description', r.description))::text
       from roles r
      where r.tenant_id = $1
        and r.role_id = $2
