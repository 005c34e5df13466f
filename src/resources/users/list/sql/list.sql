with page as (
             select u.user_id as id, u.created_at as made, null as key
               from users u
              where u.tenant_id = $1
                and ($4::text is null or exists (select from identities i where i.tenant_id = $1 and i.user_id = u.user_id and i.connection = $4))
              order by made, id
              limit $2
             offset $3
         )
         select t.total,
            u.user_id,
            u.profile::text,
            u.identities::text,
            u.user_metadata::text,
            u.app_metadata::text,
            u.version,
            u.created_at,
            u.updated_at
           from (select case
                     when not $5 then null
                     when $4 is null then (select coalesce(sum(users), 0)::bigint from user_counts where tenant_id = $1)
                     else (select count(*) from users u where u.tenant_id = $1 and exists (select from identities i where i.tenant_id = $1 and i.user_id = u.user_id and i.connection = $4))
                 end as total) t
           left join (page cross join lateral (select * from users where tenant_id = $1 and user_id = page.id offset 0) u) on true
          order by made, id
