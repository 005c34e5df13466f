-- Replaces the secret of a client. The global client has none.
-- $1 tenant_id text
-- $2 client_id text
-- $3 client_secret bytea: sealed
-- $4 author text: a journal_author
with changed as (
    update clients c
       set client_secret = $3,
           version = c.version + 1,
           updated_at = clock_timestamp()
     where c.tenant_id = $1
       and c.client_id = $2
       and c.settings -> 'global' is distinct from 'true'
 returning c.*
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select c.tenant_id,
           'client.secret_rotated',
           c.client_id,
           '{"client_secret": {"before": "*****", "after": "*****"}}'::jsonb,
           ($4::journal_author).*
      from changed c
)
select c.client_id,
       c.settings,
       c.client_metadata,
       c.client_secret,
       c.secrets,
       c.created_at,
       etag(c.version, c.created_at) as etag
  from changed c
