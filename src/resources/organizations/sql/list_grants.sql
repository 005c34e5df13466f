-- A page of the client grants that are associated with an organization, in the order of their ids: no row without the
-- organization, one row of nulls beside the total on an empty page.
-- $1 tenant_id text
-- $2 organization_id text
-- $3 audience text: for this API only; null for all
-- $4 client_id text: of this client only; null for all
-- $5 grant_ids text[]: these only; null for all
-- $6 limit bigint
-- $7 offset bigint
with matching as (
    select g.*
      from organization_client_grants a
      join client_grants g
        on g.tenant_id = $1
       and g.grant_id = a.grant_id
     where a.tenant_id = $1
       and a.organization_id = $2
       and ($3::text is null or g.audience = $3)
       and ($4::text is null or g.client_id = $4)
       and ($5::text[] is null or g.grant_id = any($5))
)
select (select count(*) from matching) as total,
       g.grant_id,
       g.client_id,
       g.audience,
       g.subject_type,
       g.scope,
       g.settings
  from organizations o
  left join lateral (
           select m.*
             from matching m
            order by m.grant_id
            limit $6
           offset $7
       ) g on true
 where o.tenant_id = $1
   and o.organization_id = $2
 order by g.grant_id
