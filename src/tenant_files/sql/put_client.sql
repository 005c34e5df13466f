-- Creates a client, or overlays the settings and metadata that a file names and replaces the secret if one is given.
-- `locked` makes the insert wait for the row lock of `old`, so that both see one version. An unchanged
-- client is not written and returns no row.
-- $1 tenant_id text
-- $2 client_id text
-- $3 settings jsonb
-- $4 client_metadata jsonb: null if the file names none
-- $5 client_secret bytea: sealed; null to keep the stored secret
-- $6 author text: a journal_author
with old as (
    select settings,
           client_metadata,
           client_secret
      from clients
     where tenant_id = $1
       and client_id = $2
       for update
), written as (
    insert into clients (tenant_id, client_id, settings, client_metadata, client_secret)
    select $1,
           $2,
           $3,
           $4,
           $5
      from (select count(*) from old) locked
        on conflict (tenant_id, client_id)
        do update
       set settings = clients.settings || excluded.settings,
           client_metadata = coalesce(clients.client_metadata || excluded.client_metadata,
                                      excluded.client_metadata,
                                      clients.client_metadata),
           client_secret = coalesce(excluded.client_secret, clients.client_secret),
           version = clients.version + 1,
           updated_at = now()
     where clients.settings || excluded.settings is distinct from clients.settings
        or clients.client_metadata || excluded.client_metadata is distinct from clients.client_metadata
           and excluded.client_metadata is not null
        or excluded.client_secret is not null
 returning tenant_id,
           client_id,
           settings,
           client_metadata,
           client_secret
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select w.tenant_id,
           case when o.settings is null then 'client.created' else 'client.updated' end,
           w.client_id,
           coalesce(journal_changes(o.settings, w.settings), '{}')
           || case when w.client_metadata is distinct from o.client_metadata
                   then jsonb_build_object('client_metadata', journal_changes(o.client_metadata, w.client_metadata))
                   else '{}' end
           || case when w.client_secret is distinct from o.client_secret
                   then '{"client_secret": {"after": "*****"}}'
                   else '{}' end::jsonb,
           ($6::journal_author).*
      from written w
      left join old o
        on true
)
select not exists (select from old) as is_new,
       (select count(*) from jsonb_object_keys(client_metadata)) as metadata_keys
  from written
