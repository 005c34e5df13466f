-- Creates the tenant's global client unless it exists.
-- $1 tenant_id text
-- $2 client_id text: for a new client
-- $3 author text: a journal_author
with created as (
    insert into clients (tenant_id, client_id, settings)
    values ($1, $2, global_client())
        on conflict (tenant_id) where settings -> 'global' = 'true'
        do nothing
 returning tenant_id,
           client_id,
           settings
)
insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
select tenant_id,
       'client.created',
       client_id,
       journal_changes(null, settings),
       ($3::journal_author).*
  from created
