select s.client_id, s.settings, s.client_metadata, s.client_secret, s.created_at, etag(s.version, s.created_at) as etag
       from clients s
      where s.tenant_id = $1
        and s.client_id = $2
