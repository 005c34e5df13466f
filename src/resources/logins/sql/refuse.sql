with old as (
             select a.tenant_id, a.account, a.connection, a.ip
               from login_attempts a
              where a.tenant_id = $1
                and a.attempted_at < now() - interval '30 days'
              order by a.attempted_at
              limit 4
                for update skip locked
         ), forgotten as (
             delete from login_attempts a
              using old
              where a.tenant_id = $1
                and (a.account, a.connection, a.ip) = (old.account, old.connection, old.ip)
         )
         insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
         select $1, 'user.login_failed', $2, jsonb_build_object('connection', $3::text, 'reason', $4::text), ($5::journal_author).*
