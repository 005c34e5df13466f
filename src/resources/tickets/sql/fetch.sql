select t.used_at is not null as used,
            t.expires_at <= $4 as expired,
            coalesce(t.email = case when i.provider || '|' || i.identity_id = u.user_id then u.profile ->> 'email' else i.email end, false)
                and (t.kind <> 'password_change' or t.password_since is not distinct from p.updated_at)
                and (t.kind <> 'email_verification' or i.provider || '|' || i.identity_id = u.user_id) as current,
            i.connection,
            t.email,
            t.result_url,
            t.include_email_in_redirect
       from tickets t
       join identities i
         on i.tenant_id = t.tenant_id and i.provider = t.provider and i.identity_id = t.identity_id
       join users u on u.tenant_id = i.tenant_id and u.user_id = i.user_id
       left join passwords p
         on p.tenant_id = i.tenant_id and p.provider = i.provider and p.identity_id = i.identity_id
      where t.tenant_id = $1
        and t.digest = $2
        and t.kind = $3
