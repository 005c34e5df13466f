-- A page of the clients that have a client grant for an organization, or one that allows any organization, in the
-- order of their ids. An empty page is one row of nulls beside the total.
-- $1 tenant_id text
-- $2 organization_id text: an organization that the grant is associated with; null for grants that allow any
-- $3 from text: the last id of the page before; null for the first page
-- $4 limit bigint
-- $5 offset bigint
-- $6 with_total boolean
with matching as not materialized (
    select c.*
      from clients c
     where c.tenant_id = $1
       and c.client_id = any(array(
               select g.client_id
                 from organization_client_grants a
                 join client_grants g
                   on g.tenant_id = $1
                  and g.grant_id = a.grant_id
                where a.tenant_id = $1
                  and a.organization_id = $2
                union
               select g.client_id
                 from client_grants g
                where g.tenant_id = $1
                  and $2 is null
                  and g.settings @> '{"allow_any_organization": true}'
           ))
)
select case when $6::boolean then (select count(*) from matching) end as total,
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
            where ($3::text is null or m.client_id > $3)
            order by m.client_id
            limit $4
           offset $5
       ) c on true
 order by c.client_id
