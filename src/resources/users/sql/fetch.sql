-- Fetches users by id: a row for each that exists.
-- $1 tenant_id text[]: for each user
-- $2 user_id text[]
select k.n,
       u.user_id,
       u.profile::text,
       u.identities::text,
       u.user_metadata::text,
       u.app_metadata::text,
       u.version,
       u.created_at,
       u.updated_at
  from unnest($1::text[], $2::text[])
  with ordinality as k(tenant_id, user_id, n)
  join users u
    on u.tenant_id = k.tenant_id
   and u.user_id = k.user_id
