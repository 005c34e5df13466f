-- An unexpired opaque access token. It ends with its client; the foreign key to users ends it with its user.
-- $1 tenant_id text
-- $2 digest bytea: SHA-256 of the token
select t.user_id,
       t.scope,
       t.issued_at
  from access_tokens t
  join clients c
    on c.tenant_id = $1
   and c.client_id = t.client_id
 where t.tenant_id = $1
   and t.digest = $2
   and t.expires_at > now()
