-- Changes the attributes of a role that are given. A change to the present values writes no journal entry.
-- $1 tenant_id text
-- $2 role_id text
-- $3 name text: null keeps it
-- $4 description text: null keeps it
-- $5 author text: a journal_author
with before as (
    select *
      from roles
     where tenant_id = $1
       and role_id = $2
       for update
), changed as (
    update roles r
       set name = coalesce($3, r.name),
           description = coalesce($4, r.description),
           updated_at = now()
      from before b
     where r.tenant_id = $1
       and r.role_id = b.role_id
 returning r.*,
           b.name as old_name,
           b.description as old_description
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select tenant_id,
           'role.updated',
           role_id,
           journal_changes(
               jsonb_strip_nulls(jsonb_build_object('name', old_name, 'description', old_description)),
               jsonb_strip_nulls(jsonb_build_object('name', name, 'description', description))
           ),
           ($5::journal_author).*
      from changed
     where (name, description) is distinct from (old_name, old_description)
)
select json_strip_nulls(json_build_object(
           'id', role_id,
           'name', name,
           'description', coalesce(description, ''),
           'type', type,
           'owner_id', owner_id
       ))::text as document
  from changed
