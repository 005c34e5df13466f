select s.resource_server_id,
            s.identifier,
            s.settings #- '{token_encryption,encryption_key,pem}' as settings,
            s.signing_secret
       from resource_servers s
      where s.tenant_id = $1
        and s.resource_server_id = (select n.resource_server_id
                   from resource_servers n
                  where n.tenant_id = $1
                    and (n.resource_server_id = $2 or n.identifier = $2)
                  order by n.resource_server_id = $2 desc
                  limit 1)
