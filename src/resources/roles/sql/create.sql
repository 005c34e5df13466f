-- Creates a role. The tenant is locked first, and as strongly as the trigger that limits roles locks it: the
-- foreign key to `tenants` takes a weaker lock, and two statements that strengthen a shared lock deadlock.
-- $1 tenant_id text
-- $2 role_id text
-- $3 name text
-- $4 description text: or null
-- $5 type text
-- $6 owner_id text: the organization of a role of type organization; null otherwise
-- $7 author text: a journal_author
with tenant as (
    select tenant_id
      from tenants
     where tenant_id = $1
       for no key update
), created as (
    insert into roles (tenant_id, role_id, name, description, type, owner_id)
    select tenant_id,
           $2,
           $3,
           $4,
           $5,
           $6
      from tenant
 returning *
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select tenant_id,
           'role.created',
           role_id,
           journal_changes(null, jsonb_strip_nulls(jsonb_build_object(
               'name', name, 'description', description, 'type', nullif(type, 'tenant'), 'owner_id', owner_id
           ))),
           ($7::journal_author).*
      from created
)
select json_strip_nulls(json_build_object(
           'id', role_id,
           'name', name,
           'description', description,
           'type', type,
           'owner_id', owner_id
       ))::text as document
  from created
