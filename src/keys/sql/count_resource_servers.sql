select case when substring(signing_secret from 1 for 4) = $1
                 then substring(signing_secret from 5 for 4) end as key_id,
            count(*) as values
       from resource_servers
      where signing_secret is not null
      group by 1
      order by 1
