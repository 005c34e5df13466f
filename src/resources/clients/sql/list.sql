select case when $8 then (select count(*) from clients c where c.tenant_id = $1
                and ($2::text[] is null or c.settings ->> 'app_type' = any($2))
                and ($3::boolean or c.settings -> 'global' is distinct from 'true')
                and (not $3 or c.settings -> 'global' = 'true')
                and ($4::boolean is null or c.settings -> 'is_first_party' = to_jsonb($4))
                and ($9::text is null or c.settings ->> 'external_client_id' = $9)) end as total,
            s.client_id, s.settings, s.client_metadata, s.client_secret, s.created_at, etag(s.version, s.created_at) as etag
       from (values (1)) one
       left join lateral (select *
                            from clients l
                           where l.tenant_id = $1
                and ($2::text[] is null or l.settings ->> 'app_type' = any($2))
                and ($3::boolean or l.settings -> 'global' is distinct from 'true')
                and (not $3 or l.settings -> 'global' = 'true')
                and ($4::boolean is null or l.settings -> 'is_first_party' = to_jsonb($4))
                and ($9::text is null or l.settings ->> 'external_client_id' = $9)
                             and ($5::text is null or l.client_id > $5)
                           order by l.client_id
                           limit $6
                          offset $7) s on true
