delete from tickets
      where ctid = any (array(select ctid
                                from tickets
                               where expires_at < $1
                               order by expires_at
                               limit 1000
                                 for update skip locked))
