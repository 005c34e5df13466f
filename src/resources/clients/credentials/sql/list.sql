-- The credentials of a client, oldest first. A client without credentials is one row of nulls; no row without the
-- client.
-- $1 tenant_id text
-- $2 client_id text
select c.credential_id,
       c.document,
       c.created_at,
       c.updated_at,
       c.expires_at
  from clients k
  left join client_credentials c
    on c.tenant_id = $1
   and c.client_id = k.client_id
 where k.tenant_id = $1
   and k.client_id = $2
 order by c.created_at,
          c.credential_id
