select case when $5 then (select count(*)
                             from resource_servers c
                            where c.tenant_id = $1
                              and ($2::text[] is null or c.identifier = any($2))) end as total,
            s.resource_server_id,
            s.identifier,
            s.settings #- '{token_encryption,encryption_key,pem}' as settings,
            s.signing_secret
       from (values (1)) one
       left join lateral (select *
                            from resource_servers l
                           where l.tenant_id = $1
                             and ($2::text[] is null or l.identifier = any($2))
                             and l.resource_server_id > coalesce($6::text, '')
                           order by l.resource_server_id
                           limit $3
                          offset $4) s on true
