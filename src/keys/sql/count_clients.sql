select case when substring(client_secret from 1 for 4) = $1
                 then substring(client_secret from 5 for 4) end as key_id,
            count(*) as values
       from clients
      where client_secret is not null
      group by 1
      order by 1
