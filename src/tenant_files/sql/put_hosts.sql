-- Brings a tenant's hosts to those of its file. A host of another tenant is not added; tenant_files.fetch_foreign_host
-- finds it afterwards, when a concurrent insert of the same host has ended.
-- $1 tenant_id text
-- $2 hosts text[]
-- $3 author text: a journal_author
with old as (
    select coalesce(jsonb_agg(host order by host), '[]') as hosts
      from tenant_hosts
     where tenant_id = $1
), removed as (
    delete from tenant_hosts
     where tenant_id = $1
       and host <> all($2::text[])
 returning host
), added as (
    insert into tenant_hosts (host, tenant_id)
    select h.host,
           $1
      from unnest($2::text[]) as h(host)
        on conflict (host)
        do nothing
 returning host
), outcome as (
    select exists (select from removed) or exists (select from added) as is_changed
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select $1,
           'tenant.updated',
           $1,
           jsonb_build_object('hosts', jsonb_build_object('before', o.hosts, 'after', to_jsonb($2::text[]))),
           ($3::journal_author).*
      from old o
     cross join outcome r
     where r.is_changed
)
select is_changed
  from outcome
