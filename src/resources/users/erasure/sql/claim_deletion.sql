select tenant_id, connection_id, name, author::text, deleted_at
       from connection_deletions
      where due_at <= $1
        and ($2::text is null or tenant_id = $2)
      order by due_at
      limit 1
        for update skip locked
