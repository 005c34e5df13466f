select array[tenant_id, mail_id] as keys,
            content as sealed
       from mails
      where (tenant_id, mail_id) > (($1::text[])[1], ($1::text[])[2])
        and substring(content from 1 for 8) <> $2
      order by tenant_id, mail_id
      limit $3
