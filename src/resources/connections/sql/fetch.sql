select s.connection_id, s.name, s.strategy, s.options, s.secrets, s.settings, case when s.for_all_clients
                  then array(select e.client_id from clients e
                               where e.tenant_id = $1 and e.client_id is distinct from (select g.client_id from clients g where g.tenant_id = $1 and g.settings -> 'global' = 'true') order by e.client_id)
                  else array(select k.client_id from connection_clients k
                              where k.tenant_id = s.tenant_id and k.connection_id = s.connection_id
                              order by k.client_id) end as enabled_clients, etag(s.version, s.created_at) as etag
       from connections s
      where s.tenant_id = $1
        and s.connection_id = $2
