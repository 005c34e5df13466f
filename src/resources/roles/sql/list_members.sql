-- Members of a role in the order of assignment, after a checkpoint: a row each. A role without such members
-- is one row without a user; no row means that the role does not exist.
-- $1 tenant_id text
-- $2 role_id text
-- $3 after_assigned_at timestamptz: of the checkpoint
-- $4 after_user_id text: of the checkpoint
-- $5 limit bigint
-- $6 offset bigint
-- $7 include_total boolean: without it the total is null
select case when $7 then (
           select count(*)
             from role_members c
            where c.tenant_id = $1
              and c.role_id = $2
       ) end as total,
       m.user_id,
       m.assigned_at
  from roles r
  left join lateral (
           select l.user_id,
                  l.assigned_at
             from role_members l
            where l.tenant_id = $1
              and l.role_id = $2
              and (l.assigned_at, l.user_id) > ($3, $4)
            order by l.assigned_at, l.user_id
            limit $5
           offset $6
       ) m on true
 where r.tenant_id = $1
   and r.role_id = $2
