-- A credential of a client.
-- $1 tenant_id text
-- $2 client_id text
-- $3 credential_id text
select c.credential_id,
       c.document,
       c.created_at,
       c.updated_at,
       c.expires_at
  from client_credentials c
 where c.tenant_id = $1
   and c.client_id = $2
   and c.credential_id = $3
