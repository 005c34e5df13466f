-- A page of users in the descending order of an attribute: of its text by code point ($6), of its JSON value
-- ($7: numbers by their value, false before true), or of `updated_at` where both are null. Users without the
-- attribute come last, equals in the order of creation.
-- No index has these orders: the keys of every user of the tenant are read and sorted.
-- Only the users of the page are fetched, those before it are skipped by their keys; `offset 0` fetches them
-- one by one, since a plan that does not know the length of a page would read all users. The total has a row
-- even if the page has none; the total of all users is the sum that triggers keep in `user_counts`.
-- $1 tenant_id text
-- $2 limit bigint
-- $3 offset bigint
-- $4 connection text: only users with an identity in it; null for all
-- $5 include_totals boolean
-- $6 text_attribute text: null for another key
-- $7 json_attribute text: null for another key
with page as (
    select u.user_id as id,
           u.created_at as made,
           attribute_text(u.profile, $6) collate "C" as text_key,
           u.profile -> $7 as json_key,
           case when coalesce($6, $7) is null then u.updated_at end as time_key
      from users u
     where u.tenant_id = $1
       and ($4::text is null or exists (
               select from identities i
                where i.tenant_id = $1
                  and i.user_id = u.user_id
                  and i.connection = $4))
     order by text_key desc nulls last,
              json_key desc nulls last,
              time_key desc nulls last,
              made,
              id
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
 order by p.text_key desc nulls last,
          p.json_key desc nulls last,
          p.time_key desc nulls last,
          p.made,
          p.id
