-- A page of the grants for an API, in the order of their ids. An empty page is one row of nulls beside the total.
-- As client_grants.list, but the API is a plain condition, so that a generic plan uses its index.
-- $1 tenant_id text
-- $2 audience text
-- $3 client_id text: grants of this client; null for all
-- $4 subject_type text: null for all
-- $5 allow_any_organization boolean: null for all
-- $6 from text: the last id of the page before; null for the first page
-- $7 limit bigint
-- $8 offset bigint
-- $9 with_total boolean
with matching as not materialized (
    select g.*
      from client_grants g
     where g.tenant_id = $1
       and g.audience = $2
       and ($3::text is null or g.client_id = $3)
       and ($4::text is null or g.subject_type = $4)
       and ($5::boolean is null or coalesce(g.settings ->> 'allow_any_organization', 'false')::boolean = $5)
)
select case when $9::boolean then (select count(*) from matching) end as total,
       g.grant_id,
       g.client_id,
       g.audience,
       g.subject_type,
       g.scope,
       g.settings
  from (values (1)) as one
  left join lateral (
           select m.*
             from matching m
            where m.grant_id > coalesce($6::text, '')
            order by m.grant_id
            limit $7
           offset $8
       ) g on true
 order by g.grant_id
