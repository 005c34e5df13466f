-- Records the use of a client's assertion. No row is inserted if the assertion was used before. Expired assertions of
-- the client are deleted, a minute late because the clocks of instances and database differ.
-- $1 tenant_id text
-- $2 client_id text
-- $3 digest bytea: SHA-256 of the assertion's `jti`
-- $4 expires_at bigint: seconds since 1970
with expired as (
    delete from client_assertions
     where tenant_id = $1
       and client_id = $2
       and expires_at < now() - interval '1 minute'
)
insert into client_assertions (tenant_id, client_id, digest, expires_at)
values ($1, $2, $3, to_timestamp($4::bigint))
    on conflict do nothing
