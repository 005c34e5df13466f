-- Fetches users by id: a row for each that exists and, for a user's own token, for which the token is valid.
-- $1 tenant_id text[]: for each user
-- $2 user_id text[]
-- $3 issued_at timestamptz[]: of the user's own token; null for any other caller
select k.n,
       u.user_id,
       u.profile::text,
       u.identities::text,
       u.user_metadata::text,
       u.app_metadata::text,
       u.version,
       u.created_at,
       u.updated_at
  from unnest($1::text[], $2::text[], $3::timestamptz[])
  with ordinality as k(tenant_id, user_id, issued_at, n)
  join users u
    on u.tenant_id = k.tenant_id
   and u.user_id = k.user_id
   and token_is_valid(k.issued_at, u.profile, u.created_at, u.password_changed_at)
