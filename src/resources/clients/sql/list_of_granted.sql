select null::bigint as total,
            s.client_id, s.settings, s.client_metadata, s.client_secret, s.created_at, etag(s.version, s.created_at) as etag
       from clients s
      where s.tenant_id = $1
        and s.client_id = any(array(select g.client_id
                                      from organization_client_grants a
                                      join client_grants g on g.tenant_id = a.tenant_id and g.grant_id = a.grant_id
                                     where a.tenant_id = $1
                                       and a.organization_id = $2
                                     union
                                    select g.client_id
                                      from client_grants g
                                     where g.tenant_id = $1
                                       and $2 is null
                                       and g.settings @> '{"allow_any_organization": true}'))
        and ($3::text is null or s.client_id > $3)
      order by s.client_id
      limit $4
