-- Removes roles from a user if all of the roles exist.
-- $1 tenant_id text
-- $2 user_id text
-- $3 role_ids text[]
-- $4 author text: a journal_author
with unknown as (
    select g.role_id
      from unnest($3::text[]) g(role_id)
     where not exists (select from roles r where r.tenant_id = $1 and r.role_id = g.role_id)
), unassigned as (
    delete from role_members
     where tenant_id = $1
       and user_id = $2
       and role_id = any($3)
       and not exists (select from unknown)
 returning tenant_id, user_id, role_id
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select tenant_id,
           'user.roles_removed',
           user_id,
           jsonb_build_object('roles', jsonb_build_object('before', jsonb_agg(role_id))),
           ($4::journal_author).*
      from unassigned
     group by tenant_id, user_id
)
select exists (select from users where tenant_id = $1 and user_id = $2) as user_exists,
       not exists (select from unknown) as roles_exist
