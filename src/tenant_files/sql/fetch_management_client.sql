-- The oldest client with a secret and a grant for the tenant's Management API.
-- $1 tenant_id text
select c.client_id,
       c.client_secret
  from tenants t
  join client_grants g
    on g.tenant_id = $1
   and g.audience = t.settings ->> 'audience'
   and g.subject_type = 'client'
  join clients c
    on c.tenant_id = $1
   and c.client_id = g.client_id
 where t.tenant_id = $1
   and c.client_secret is not null
 order by c.created_at, c.client_id
 limit 1
