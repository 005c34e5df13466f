select case when substring(private_key from 1 for 4) = $1
                 then substring(private_key from 5 for 4) end as key_id,
            count(*) as values
       from signing_keys
      where private_key is not null
      group by 1
      order by 1
