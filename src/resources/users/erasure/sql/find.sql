-- Finds users with an identity in a deleted connection, as many as one statement may erase: a number of
-- identities, and metadata of 4 MB as it is stored.
-- $1 tenant_id text
-- $2 connection text: its name
-- $3 limit bigint: the number of identities looked up
-- $4 skipped_users text[]
with found as (
    select distinct i.user_id
      from (select user_id
              from identities
             where tenant_id = $1
               and connection = $2
               and user_id <> all($4)
             limit $3) i
), sized as (
    select u.user_id,
           sum(pg_column_size(u.*)) over (order by u.user_id) as bytes,
           row_number() over (order by u.user_id) as place
      from found f
      join users u
        on u.tenant_id = $1
       and u.user_id = f.user_id
)
select s.user_id
  from sized s
 where s.place = 1
    or s.bytes <= 4000000
