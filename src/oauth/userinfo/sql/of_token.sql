select t.scope,
            u.user_id,
            u.profile::text,
            u.identities::text,
            u.user_metadata::text,
            u.app_metadata::text,
            u.version,
            u.created_at,
            u.updated_at
       from access_tokens t
       join users u on u.tenant_id = t.tenant_id and u.user_id = t.user_id
       join clients c on c.tenant_id = t.tenant_id and c.client_id = t.client_id
      where t.tenant_id = $1
        and t.digest = $2
        and t.expires_at > now()
