-- A page of the values of mails.content that are not under the present key.
-- In the order of the primary key.
-- $1 after text[]: the primary key of the last row of the previous page; two empty texts for the first page
-- $2 header bytea: the beginning of a value that the present key sealed
-- $3 limit bigint
select array[tenant_id, mail_id] as row_key,
       content as sealed
  from mails
 where (tenant_id, mail_id) > (($1::text[])[1], ($1::text[])[2])
   and substring(content from 1 for 8) <> $2
 order by tenant_id, mail_id
 limit $3
