-- The identity of a user that a ticket is requested for, with its connection: the one that the request names,
-- else the primary one. Without the identity its columns are null; no row means that the user does not exist.
-- Whether the connection is enabled is an index probe (`>= id order by id limit 1`) instead of `exists`, so
-- the cost does not depend on the clients of other connections.
-- $1 tenant_id text
-- $2 user_id text
-- $3 provider text: of the identity, or null
-- $4 identity_id text: of the identity, or null
-- $5 client_id text: the client to check, or null
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
       $5::text is null
           or exists (select from clients where tenant_id = $1 and client_id = $5) as client_exists
  from users u
  left join identities i
    on i.tenant_id = $1
   and i.user_id = u.user_id
   and case when $3::text is null then is_primary_identity(i.provider, i.identity_id, u.user_id)
            else i.provider = $3 and i.identity_id = $4 end
  left join connections c
    on c.tenant_id = $1
   and c.name = i.connection
 where u.tenant_id = $1
   and u.user_id = $2
