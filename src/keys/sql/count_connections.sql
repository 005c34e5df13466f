select case when substring(secrets from 1 for 4) = $1
                 then substring(secrets from 5 for 4) end as key_id,
            count(*) as values
       from connections
      where secrets is not null
      group by 1
      order by 1
