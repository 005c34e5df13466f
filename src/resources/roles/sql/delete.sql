-- Deletes a role. The foreign keys delete its members and permissions. A row is affected if the role existed.
-- $1 tenant_id text
-- $2 role_id text
-- $3 author text: a journal_author
with deleted as (
    delete from roles
     where tenant_id = $1
       and role_id = $2
 returning *
)
insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
select tenant_id,
       'role.deleted',
       role_id,
       journal_changes(jsonb_strip_nulls(jsonb_build_object(
           'name', name, 'description', description, 'type', nullif(type, 'tenant'), 'owner_id', owner_id
       )), null),
       ($3::journal_author).*
  from deleted
