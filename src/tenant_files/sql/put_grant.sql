-- Creates a client's grant for an API, or replaces its scope. `locked` makes the insert wait for the row
-- lock of `old`, so that both see one version. An unchanged grant is not written and returns no row.
-- $1 tenant_id text
-- $2 grant_id text: for a new grant
-- $3 client_id text
-- $4 audience text
-- $5 scope text[]
-- $6 author text: a journal_author
with old as (
    select scope
      from client_grants
     where tenant_id = $1
       and client_id = $3
       and audience = $4
       and subject_type = 'client'
       for update
), written as (
    insert into client_grants (tenant_id, grant_id, client_id, audience, scope)
    select $1,
           $2,
           $3,
           $4,
           $5
      from (select count(*) from old) locked
        on conflict (tenant_id, client_id, audience, subject_type)
        do update
       set scope = excluded.scope,
           updated_at = now()
     where client_grants.scope is distinct from excluded.scope
 returning tenant_id,
           grant_id,
           client_id,
           audience,
           scope
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select w.tenant_id,
           case when o.scope is null then 'client_grant.created' else 'client_grant.updated' end,
           w.grant_id,
           journal_changes(
               case when o.scope is not null
                    then jsonb_build_object('client_id', w.client_id, 'audience', w.audience, 'scope', o.scope) end,
               jsonb_build_object('client_id', w.client_id, 'audience', w.audience, 'scope', w.scope)),
           ($6::journal_author).*
      from written w
      left join old o
        on true
)
select not exists (select from old) as is_new
  from written
