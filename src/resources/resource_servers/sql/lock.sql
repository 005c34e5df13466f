select from resource_servers where tenant_id = $1 and resource_server_id = (select n.resource_server_id
                   from resource_servers n
                  where n.tenant_id = $1
                    and (n.resource_server_id = $2 or n.identifier = $2)
                  order by n.resource_server_id = $2 desc
                  limit 1) for update
