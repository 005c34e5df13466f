select client_id, client_secret
       from clients
      where tenant_id = $1
        and settings -> 'global' is distinct from 'true'
        and case when $2::text is null then settings ->> 'name' = $3 else client_id = $2 end
      order by created_at, client_id
      limit 1
        for update
