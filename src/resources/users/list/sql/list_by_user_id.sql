-- A page of users in the order of their ids, which is the order of the index users_pkey.
-- Only the users of the page are fetched, those before it are skipped by their keys; `offset 0` fetches them
-- one by one, since a plan that does not know the length of a page would read all users. The total has a row
-- even if the page has none; the total of all users is the sum that triggers keep in `user_counts`.
-- $1 tenant_id text
-- $2 limit bigint
-- $3 offset bigint
-- $4 connection text: only users with an identity in it; null for all
-- $5 include_totals boolean
with page as (
    select u.user_id as id,
           u.created_at as made
      from users u
     where u.tenant_id = $1
       and ($4::text is null or exists (
               select from identities i
                where i.tenant_id = $1
                  and i.user_id = u.user_id
                  and i.connection = $4))
     order by id
     limit $2
    offset $3
), total as (
    select case
               when not $5 then null
               when $4 is null then (
                   select coalesce(sum(c.users), 0)::bigint
                     from user_counts c
                    where c.tenant_id = $1)
               else (
                   select count(*)
                     from users u
                    where u.tenant_id = $1
                      and exists (
                              select from identities i
                               where i.tenant_id = $1
                                 and i.user_id = u.user_id
                                 and i.connection = $4))
           end as total
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
  from total t
  left join (page p cross join lateral (
           select u.*
             from users u
            where u.tenant_id = $1
              and u.user_id = p.id
           offset 0) u) on true
 order by p.id
