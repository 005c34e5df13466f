-- A ticket, with what decides whether it can be used. It is current while the address has not changed, for a
-- new password while the password has not changed, and for a verification while the identity is the primary
-- one.
-- $1 tenant_id text
-- $2 digest bytea
-- $3 kind text
-- $4 now timestamptz
select t.used_at is not null as is_used,
       t.expires_at <= $4 as is_expired,
       coalesce(t.email = identity_email(i.provider, i.identity_id, i.email, u.user_id, u.profile), false)
           and (t.kind <> 'password_change' or t.password_since is not distinct from p.updated_at)
           and (t.kind <> 'email_verification' or is_primary_identity(i.provider, i.identity_id, u.user_id))
           as is_current,
       i.connection,
       t.email,
       t.result_url,
       t.include_email_in_redirect
  from tickets t
  join identities i
    on i.tenant_id = $1
   and i.provider = t.provider
   and i.identity_id = t.identity_id
  join users u
    on u.tenant_id = $1
   and u.user_id = i.user_id
  left join passwords p
    on p.tenant_id = $1
   and p.provider = i.provider
   and p.identity_id = i.identity_id
 where t.tenant_id = $1
   and t.digest = $2
   and t.kind = $3
