select i.provider,
            i.identity_id,
            i.connection,
            i.username
       from identities i
      where i.tenant_id = $1
        and i.user_id = $2
        and case when $3::text is null then i.provider || '|' || i.identity_id = $2 else i.connection = $3 end
      order by i.provider || '|' || i.identity_id = $2 desc, i.provider, i.identity_id
      limit 1
