select k.n,
            c.client_secret,
            c.settings ->> 'token_endpoint_auth_method' as authentication,
            c.settings ? 'client_authentication_methods' as has_methods,
            array(select d.document || jsonb_build_object('jwk', d.public_key)
                    from client_credentials d
                   where d.tenant_id = c.tenant_id
                     and d.client_id = c.client_id
                     and d.public_key is not null
                     and (d.expires_at is null or d.expires_at > now())
                     and c.settings #> '{client_authentication_methods,private_key_jwt,credentials}'
                         @> jsonb_build_array(jsonb_build_object('id', d.credential_id))) as keys,
            array(select jsonb_array_elements_text(c.settings -> 'grant_types')) as grant_types,
            c.settings #>> '{jwt_configuration,lifetime_in_seconds}' as lifetime,
            coalesce(k.audience, t.default_audience) as audience,
            t.default_directory,
            case when g.settings ->> 'allow_all_scopes' = 'true'
                 then array(select s ->> 'value' from jsonb_array_elements(r.settings -> 'scopes') s) else g.scope end as scope,
            coalesce(g.settings ->> 'allow_all_scopes' = 'true', false) as allow_all_scopes,
            coalesce(g.settings ->> 'organization_usage' = 'require', false) as requires_organization,
            r.resource_server_id,
            r.signing_secret,
            r.settings ->> 'signing_alg' as signing_alg,
            (r.settings ->> 'token_lifetime')::numeric::bigint as token_lifetime,
            r.settings ->> 'token_dialect' as token_dialect,
            coalesce((r.settings ->> 'enforce_policies')::boolean, false) as enforce_policies,
            coalesce(r.settings #>> '{subject_type_authorization,client,policy}' <> 'deny_all', true) as allows_clients,
            coalesce(case r.settings #>> '{subject_type_authorization,user,policy}'
                          when 'deny_all' then false when 'require_client_grant' then p.scope is not null end, true) as allows_people,
            case when r.settings #>> '{subject_type_authorization,user,policy}' = 'require_client_grant' then case when p.settings ->> 'allow_all_scopes' = 'true'
                 then array(select s ->> 'value' from jsonb_array_elements(r.settings -> 'scopes') s) else p.scope end end as scope_for_people,
            r.settings ? 'token_encryption'
                or coalesce(r.settings #>> '{proof_of_possession,required}' = 'true', false) as wants_more
       from unnest($1::text[], $2::text[], $3::text[]) with ordinality as k(tenant_id, client_id, audience, n)
       join clients c
         on c.tenant_id = k.tenant_id and c.client_id = k.client_id
       join tenants t
         on t.tenant_id = k.tenant_id
       left join client_grants g
         on g.tenant_id = k.tenant_id and g.client_id = k.client_id and g.subject_type = 'client' and g.audience = coalesce(k.audience, t.default_audience)
       left join client_grants p
         on p.tenant_id = k.tenant_id and p.client_id = k.client_id and p.subject_type = 'user' and p.audience = coalesce(k.audience, t.default_audience)
       left join resource_servers r
         on r.tenant_id = k.tenant_id and r.identifier = coalesce(k.audience, t.default_audience)
      where c.settings -> 'global' is distinct from 'true'
