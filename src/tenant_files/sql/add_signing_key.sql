-- Adds a signing key.
-- $1 tenant_id text
-- $2 kid text
-- $3 private_key bytea: sealed
-- $4 public_key jsonb: a JWK
-- $5 author text: a journal_author
with created as (
    insert into signing_keys (tenant_id, kid, private_key, public_key)
    values ($1, $2, $3, $4)
 returning tenant_id,
           kid
)
insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
select tenant_id,
       'signing_key.created',
       kid,
       '{}',
       ($5::journal_author).*
  from created
