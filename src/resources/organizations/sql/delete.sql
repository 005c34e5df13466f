-- Deletes an organization; its associations with client grants cascade.
-- $1 tenant_id text
-- $2 organization_id text
-- $3 author text: a journal_author
with deleted as (
    delete from organizations o
     where o.tenant_id = $1
       and o.organization_id = $2
 returning o.*
)
insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
select d.tenant_id,
       'organization.deleted',
       d.organization_id,
       journal_changes(d.settings || jsonb_build_object('name', d.name), null),
       ($3::journal_author).*
  from deleted d
