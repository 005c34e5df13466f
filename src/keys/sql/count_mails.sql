select case when substring(content from 1 for 4) = $1
                 then substring(content from 5 for 4) end as key_id,
            count(*) as values
       from mails
      where content is not null
      group by 1
      order by 1
