-- A page of the values of clients.secrets that are not under the present key.
-- In the order of the primary key.
-- $1 after text[]: the primary key of the last row of the previous page; two empty texts for the first page
-- $2 header bytea: the beginning of a value that the present key sealed
-- $3 limit bigint
select array[tenant_id, client_id] as row_key,
       secrets as sealed
  from clients
 where (tenant_id, client_id) > (($1::text[])[1], ($1::text[])[2])
   and substring(secrets from 1 for 8) <> $2
 order by tenant_id, client_id
 limit $3
