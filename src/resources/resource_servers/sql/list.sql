-- A page of the APIs of a tenant, in the order of their ids. An empty page is one row of nulls beside the total.
-- The key that tokens are encrypted with (`pem`) is never answered.
-- $1 tenant_id text
-- $2 identifiers text[]: APIs with these identifiers; null for all
-- $3 from text: the last id of the page before; null for the first page
-- $4 limit bigint
-- $5 offset bigint
-- $6 with_total boolean
with matching as not materialized (
    select s.*
      from resource_servers s
     where s.tenant_id = $1
       and ($2::text[] is null or s.identifier = any($2))
)
select case when $6::boolean then (select count(*) from matching) end as total,
       s.resource_server_id,
       s.identifier,
       s.settings #- '{token_encryption,encryption_key,pem}' as settings,
       s.signing_secret,
       (select c.client_id
          from clients c
         where c.tenant_id = $1
           and c.settings ? 'resource_server_identifier'
           and c.settings ->> 'resource_server_identifier' = s.identifier
         order by c.client_id
         limit 1) as client_id
  from (values (1)) as one
  left join lateral (
           select m.*
             from matching m
            where m.resource_server_id > coalesce($3::text, '')
            order by m.resource_server_id
            limit $4
           offset $5
       ) s on true
 order by s.resource_server_id
