-- The identity with an address in a connection that a ticket is requested for. Without the identity its
-- columns are null; no row means that the connection does not exist.
-- Whether the connection is enabled is an index probe (`>= id order by id limit 1`) instead of `exists`, so
-- the cost does not depend on the clients of other connections.
-- $1 tenant_id text
-- $2 connection_id text
-- $3 email text: lower case
-- $4 client_id text: the client to check, or null
select u.user_id,
       i.provider,
       i.identity_id,
       coalesce(is_primary_identity(i.provider, i.identity_id, u.user_id), false) as is_primary,
       identity_email(i.provider, i.identity_id, i.email, u.user_id, u.profile) as email,
       coalesce(u.profile -> 'email_verified' = 'true', false) as email_verified,
       c.connection_id,
       c.strategy,
       c.for_all_clients or coalesce((
           select k.connection_id
             from connection_clients k
            where k.tenant_id = $1
              and k.connection_id >= c.connection_id
            order by k.connection_id
            limit 1
       ) = c.connection_id, false) as is_enabled,
       $4::text is null
           or exists (select from clients where tenant_id = $1 and client_id = $4) as client_exists
  from connections c
  left join identities i
    on i.tenant_id = $1
   and i.email = $3
   and i.connection = c.name
  left join users u
    on u.tenant_id = $1
   and u.user_id = i.user_id
 where c.tenant_id = $1
   and c.connection_id = $2
