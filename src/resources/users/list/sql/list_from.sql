-- Users in the order of creation, from a checkpoint on. The order is that of the index users_created_at_idx.
-- $1 tenant_id text
-- $2 created_at timestamptz: of the last user before; null for the first part
-- $3 user_id text: of the last user before; null for the first part
-- $4 limit bigint
-- $5 connection text: only users with an identity in it; null for all
select u.user_id,
       u.profile::text,
       u.identities::text,
       u.user_metadata::text,
       u.app_metadata::text,
       u.version,
       u.created_at,
       u.updated_at
  from users u
 where u.tenant_id = $1
   and (u.created_at, u.user_id) > (coalesce($2::timestamptz, '-infinity'), coalesce($3::text, ''))
   and ($5::text is null or exists (
           select from identities i
            where i.tenant_id = $1
              and i.user_id = u.user_id
              and i.connection = $5))
 order by u.created_at,
          u.user_id
 limit $4
