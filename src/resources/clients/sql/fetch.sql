-- A client by its id.
-- $1 tenant_id text
-- $2 client_id text
select c.client_id,
       c.settings,
       c.client_metadata,
       c.client_secret,
       c.secrets,
       c.created_at,
       etag(c.version, c.created_at) as etag
  from clients c
 where c.tenant_id = $1
   and c.client_id = $2
