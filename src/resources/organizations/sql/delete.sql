-- Deletes an organization with its roles; its associations with client grants cascade.
-- $1 tenant_id text
-- $2 organization_id text
-- $3 author text: a journal_author
with deleted as (
    delete from organizations o
     where o.tenant_id = $1
       and o.organization_id = $2
 returning o.*
), deleted_role as (
    delete from roles r
     using deleted d
     where r.tenant_id = $1
       and r.owner_id = d.organization_id
 returning r.*
), role_journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select r.tenant_id,
           'role.deleted',
           r.role_id,
           journal_changes(jsonb_strip_nulls(jsonb_build_object(
               'name', r.name, 'description', r.description, 'type', r.type, 'owner_id', r.owner_id
           )), null),
           ($3::journal_author).*
      from deleted_role r
)
insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
select d.tenant_id,
       'organization.deleted',
       d.organization_id,
       journal_changes(d.settings || jsonb_build_object('name', d.name), null),
       ($3::journal_author).*
  from deleted d
