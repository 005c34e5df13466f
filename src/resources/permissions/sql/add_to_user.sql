-- Adds permissions to a user: all of them, or none if the user or one of them does not exist. The result
-- names one that does not exist.
-- The user is locked first, and as strongly as the trigger that limits permissions locks it: the foreign key
-- takes a weaker lock, and two statements that strengthen a shared lock deadlock. Rows are inserted, and
-- thereby permissions locked, in the order in which a change of an API deletes them.
-- $1 tenant_id text
-- $2 user_id text
-- $3 identifiers text[]: of the API of each permission
-- $4 names text[]: of each permission
-- $5 author text: a journal_author
with requested as (
    select g.identifier,
           g.permission_name,
           s.resource_server_id,
           coalesce((
               select true
                 from permissions p
                where p.tenant_id = $1
                  and p.resource_server_id = s.resource_server_id
                  and p.permission_name = g.permission_name
           ), false) as is_known
      from unnest($3::text[], $4::text[]) g(identifier, permission_name)
      left join resource_servers s
        on s.tenant_id = $1
       and s.identifier = g.identifier
), unknown as (
    select identifier,
           permission_name,
           resource_server_id is not null as server_exists
      from requested
     where not is_known
     limit 1
), owner as (
    select
      from users
     where tenant_id = $1
       and user_id = $2
       for no key update
), added as (
    insert into user_permissions (tenant_id, user_id, resource_server_id, permission_name)
    select $1,
           $2,
           resource_server_id,
           permission_name
      from requested
     where exists (select from owner)
       and not exists (select from unknown)
     order by resource_server_id, permission_name
        on conflict do nothing
 returning *
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select a.tenant_id,
           'user.permissions_added',
           a.user_id,
           jsonb_build_object('permissions', jsonb_build_object('after', jsonb_agg(jsonb_build_object(
               'resource_server_identifier', s.identifier,
               'permission_name', a.permission_name
           )))),
           ($5::journal_author).*
      from added a
      join resource_servers s
        on s.tenant_id = $1
       and s.resource_server_id = a.resource_server_id
     group by a.tenant_id, a.user_id
)
select exists (select from owner) as owner_exists,
       u.identifier as unknown_identifier,
       u.permission_name as unknown_name,
       u.server_exists
  from (values (1)) as request
  left join unknown u on true
