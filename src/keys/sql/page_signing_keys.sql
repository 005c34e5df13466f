-- A page of the values of signing_keys.private_key that are not under the present key.
-- In the order of the primary key.
-- $1 after text[]: the primary key of the last row of the previous page; two empty texts for the first page
-- $2 header bytea: the beginning of a value that the present key sealed
-- $3 limit bigint
select array[tenant_id, kid] as row_key,
       private_key as sealed
  from signing_keys
 where (tenant_id, kid) > (($1::text[])[1], ($1::text[])[2])
   and substring(private_key from 1 for 8) <> $2
 order by tenant_id, kid
 limit $3
