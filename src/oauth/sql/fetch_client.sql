-- Clients as the token endpoint sees them: authentication, grant types, and the API of the requested audience with
-- the client's grants for it. A row for each known client; the global client has no row. A request without an
-- audience gets the tenant's default. The tenant's Management API is not stored and has no `api`.
-- `n` is the index of the request, from 1.
-- $1 tenant_id text[]
-- $2 client_id text[]
-- $3 audience text[]: null for the tenant's default
select q.n,
       c.client_secret,
       c.settings ->> 'token_endpoint_auth_method' as auth_method,
       c.settings ? 'client_authentication_methods' as has_authentication_methods,
       (select coalesce(jsonb_agg(d.document || jsonb_build_object('jwk', d.public_key)), '[]')
          from client_credentials d
         where d.tenant_id = c.tenant_id
           and d.client_id = c.client_id
           and d.public_key is not null
           and (d.expires_at is null or d.expires_at > now())
           and c.settings #> '{client_authentication_methods,private_key_jwt,credentials}'
               @> jsonb_build_array(jsonb_build_object('id', d.credential_id))
       ) as public_keys,
       array(select jsonb_array_elements_text(c.settings -> 'grant_types')) as grant_types,
       c.settings #>> '{jwt_configuration,lifetime_in_seconds}' as id_token_lifetime,
       coalesce(q.audience, t.default_audience) as audience,
       t.default_directory,
       case when g.tenant_id is not null then jsonb_build_object(
           'scope', case when g.settings ->> 'allow_all_scopes' = 'true'
                         then array(select s ->> 'value' from jsonb_array_elements(r.settings -> 'scopes') s)
                         else g.scope end,
           'allow_all_scopes', coalesce(g.settings ->> 'allow_all_scopes' = 'true', false),
           'requires_organization', coalesce(g.settings ->> 'organization_usage' = 'require', false)
       ) end as client_grant,
       r.signing_secret,
       case when r.tenant_id is not null then jsonb_build_object(
           'id', r.resource_server_id,
           'signing_alg', r.settings ->> 'signing_alg',
           'token_lifetime', (r.settings ->> 'token_lifetime')::numeric::bigint,
           'token_dialect', r.settings ->> 'token_dialect',
           'enforce_policies', coalesce((r.settings ->> 'enforce_policies')::boolean, false),
           'allows_clients', coalesce(r.settings #>> '{subject_type_authorization,client,policy}' <> 'deny_all', true),
           'allows_users', coalesce(case r.settings #>> '{subject_type_authorization,user,policy}'
                                         when 'deny_all' then false
                                         when 'require_client_grant' then u.tenant_id is not null end, true),
           'user_scope_limit', case r.settings #>> '{subject_type_authorization,user,policy}'
                                    when 'require_client_grant'
                                    then case when u.settings ->> 'allow_all_scopes' = 'true'
                                              then array(select s ->> 'value'
                                                           from jsonb_array_elements(r.settings -> 'scopes') s)
                                              else u.scope end end,
           'requires_protected_tokens', r.settings ? 'token_encryption'
                                        or coalesce(r.settings #>> '{proof_of_possession,required}' = 'true', false)
       ) end as api
  from unnest($1::text[], $2::text[], $3::text[]) with ordinality as q(tenant_id, client_id, audience, n)
  join clients c
    on c.tenant_id = q.tenant_id
   and c.client_id = q.client_id
  join tenants t
    on t.tenant_id = q.tenant_id
  left join client_grants g
    on g.tenant_id = q.tenant_id
   and g.client_id = q.client_id
   and g.subject_type = 'client'
   and g.audience = coalesce(q.audience, t.default_audience)
  left join client_grants u
    on u.tenant_id = q.tenant_id
   and u.client_id = q.client_id
   and u.subject_type = 'user'
   and u.audience = coalesce(q.audience, t.default_audience)
  left join resource_servers r
    on r.tenant_id = q.tenant_id
   and r.identifier = coalesce(q.audience, t.default_audience)
 where c.settings -> 'global' is distinct from 'true'
