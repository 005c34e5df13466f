-- Reads a connection. The global client is compared by its id, which one probe of its index finds, instead of by the
-- document of each client.
-- $1 tenant_id text
-- $2 connection_id text
select c.connection_id,
       c.name,
       c.strategy,
       c.options,
       c.secrets,
       c.settings,
       case when c.for_all_clients
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
  from connections c
 where c.tenant_id = $1
   and c.connection_id = $2
