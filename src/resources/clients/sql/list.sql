-- A page of the clients of a tenant, in the order of their ids. An empty page is one row of nulls beside the total.
-- The global client is on no page but its own.
-- $1 tenant_id text
-- $2 app_types text[]: clients of these types; null for all
-- $3 is_global boolean: the global client alone
-- $4 is_first_party boolean: null for first and third parties
-- $5 external_client_id text: clients with this id elsewhere; null for all
-- $6 from text: the last id of the page before; null for the first page
-- $7 limit bigint
-- $8 offset bigint
-- $9 with_total boolean
with matching as not materialized (
    select c.*
      from clients c
     where c.tenant_id = $1
       and ($2::text[] is null or c.settings ->> 'app_type' = any($2))
       and ($3::boolean or c.settings -> 'global' is distinct from 'true')
       and (not $3 or c.settings -> 'global' = 'true')
       and ($4::boolean is null or c.settings -> 'is_first_party' = to_jsonb($4))
       and ($5::text is null or c.settings ->> 'external_client_id' = $5)
)
select case when $9::boolean then (select count(*) from matching) end as total,
       c.client_id,
       c.settings,
       c.client_metadata,
       c.client_secret,
       c.secrets,
       c.created_at,
       etag(c.version, c.created_at) as etag
  from (values (1)) as one
  left join lateral (
           select m.*
             from matching m
            where ($6::text is null or m.client_id > $6)
            order by m.client_id
            limit $7
           offset $8
       ) c on true
 order by c.client_id
