-- Assigns roles to users. A user or role that does not exist violates a foreign key, so nothing is assigned.
-- The users are locked first, in one order, and as strongly as the trigger that limits roles locks them: the
-- foreign key takes a weaker lock, and two statements that strengthen a shared lock deadlock.
-- $1 tenant_id text
-- $2 user_ids text[]
-- $3 role_ids text[]
-- $4 author text: a journal_author
with locked as (
    select user_id
      from users
     where tenant_id = $1
       and user_id = any($2)
     order by user_id
       for no key update
), assigned as (
    insert into role_members (tenant_id, user_id, role_id)
    select $1,
           u.user_id,
           r.role_id
      from unnest($2::text[]) u(user_id)
      left join locked l
        on l.user_id = u.user_id
     cross join unnest($3::text[]) r(role_id)
     order by u.user_id, r.role_id
        on conflict do nothing
 returning tenant_id, user_id, role_id
)
insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
select tenant_id,
       'user.roles_added',
       user_id,
       jsonb_build_object('roles', jsonb_build_object('after', jsonb_agg(role_id))),
       ($4::journal_author).*
  from assigned
 group by tenant_id, user_id
