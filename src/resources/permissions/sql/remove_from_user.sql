-- Removes permissions from a user. Permissions that the user lacks are ignored.
-- $1 tenant_id text
-- $2 user_id text
-- $3 identifiers text[]: of the API of each permission
-- $4 names text[]: of each permission
-- $5 author text: a journal_author
with removed as (
    delete from user_permissions a
     using resource_servers s,
           unnest($3::text[], $4::text[]) g(identifier, permission_name)
     where a.tenant_id = $1
       and a.user_id = $2
       and s.tenant_id = $1
       and s.identifier = g.identifier
       and a.resource_server_id = s.resource_server_id
       and a.permission_name = g.permission_name
 returning a.*
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select r.tenant_id,
           'user.permissions_removed',
           r.user_id,
           jsonb_build_object('permissions', jsonb_build_object('before', jsonb_agg(jsonb_build_object(
               'resource_server_identifier', s.identifier,
               'permission_name', r.permission_name
           )))),
           ($5::journal_author).*
      from removed r
      join resource_servers s
        on s.tenant_id = $1
       and s.resource_server_id = r.resource_server_id
     group by r.tenant_id, r.user_id
)
select exists (select from users where tenant_id = $1 and user_id = $2) as owner_exists
