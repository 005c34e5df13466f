with matching as not materialized (
         select *
           from client_grants g
          where g.tenant_id = $1
            and g.audience = $2 and ($3::text is null or g.client_id = $3)
            and ($4::text is null or g.subject_type = $4)
            and ($5::boolean is null or coalesce(g.settings ->> 'allow_any_organization', 'false')::boolean = $5)
     )
     select case when $9 then (select count(*) from matching) end as total,
            g.grant_id, g.client_id, g.audience, g.subject_type, g.scope, g.settings
       from (values (1)) one
       left join lateral (select *
                            from matching m
                           where m.grant_id > coalesce($6::text, '')
                           order by m.grant_id
                           limit $7
                          offset $8) g on true
