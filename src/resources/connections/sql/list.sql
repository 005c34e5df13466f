-- A page of the connections of a tenant, in the order of their names. An empty page is one row of nulls beside the
-- total.
-- $1 tenant_id text
-- $2 name text: of this name only; null for all
-- $3 strategies text[]: of these strategies only; empty for all
-- $4 from text: the last name of the page before; null for the first page
-- $5 limit bigint
-- $6 offset bigint
-- $7 with_total boolean
-- $8 with_clients boolean
with matching as not materialized (
    select c.*
      from connections c
     where c.tenant_id = $1
       and ($2::text is null or c.name = $2)
       and ($3::text[] = '{}' or c.strategy = any($3))
)
select case when $7::boolean then (select count(*) from matching) end as total,
       c.connection_id,
       c.name,
       c.strategy,
       c.options,
       c.secrets,
       c.settings,
       case when not $8::boolean
            then null
            when c.for_all_clients
            then array(select e.client_id
                         from clients e
                        where e.tenant_id = $1
                          and e.client_id is distinct from (select g.client_id
                                                              from clients g
                                                             where g.tenant_id = $1
                                                               and g.settings -> 'global' = 'true')
                        order by e.client_id)
            else array(select k.client_id
                         from connection_clients k
                        where k.tenant_id = $1
                          and k.connection_id = c.connection_id
                        order by k.client_id) end as enabled_clients,
       etag(c.version, c.created_at) as etag
  from (values (1)) as one
  left join lateral (
           select m.*
             from matching m
            where ($4::text is null or m.name > $4)
            order by m.name
            limit $5
           offset $6
       ) c on true
 order by c.name
