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
        and ($5::text is null or exists (select from identities i where i.tenant_id = $1 and i.user_id = u.user_id and i.connection = $5))
      order by u.created_at, u.user_id
      limit $4
