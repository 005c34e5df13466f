-- A page of the connections that are enabled for a client, in the order of their names: no row without the client, one
-- row of nulls on an empty page. The other clients of a connection are not listed.
-- $1 tenant_id text
-- $2 client_id text
-- $3 name text: of this name only; null for all
-- $4 strategies text[]: of these strategies only; empty for all
-- $5 from text: the last name of the page before; null for the first page
-- $6 limit bigint
select c.connection_id,
       c.name,
       c.strategy,
       c.options,
       c.secrets,
       c.settings,
       null::text[] as enabled_clients,
       etag(c.version, c.created_at) as etag
  from clients e
  left join lateral (
           select m.*
             from connections m
            where m.tenant_id = $1
              and ($3::text is null or m.name = $3)
              and ($4::text[] = '{}' or m.strategy = any($4))
              and (m.for_all_clients
                   or exists (select from connection_clients k
                               where k.tenant_id = $1
                                 and k.connection_id = m.connection_id
                                 and k.client_id = $2))
              and ($5::text is null or m.name > $5)
            order by m.name
            limit $6
       ) c on true
 where e.tenant_id = $1
   and e.client_id = $2
 order by c.name
