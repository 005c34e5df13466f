with accounts as (
             select u.user_id as account from users u where u.tenant_id = $1 and u.user_id = $2
         ), attempts as (
             select a.tenant_id, a.account, a.connection, a.ip
               from login_attempts a
              where a.tenant_id = $1
                and a.account in (select account from accounts)
              order by a.account, a.connection, a.ip desc
                for update
         ), forgotten as (
             delete from login_attempts a
              using attempts f
              where a.tenant_id = $1
                and (a.account, a.connection, a.ip) = (f.account, f.connection, f.ip)
          returning a.account
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select $1, 'user.unblocked', min(account), jsonb_build_object('accounts', jsonb_agg(distinct account)), ($3::journal_author).*
               from forgotten
             having count(*) > 0
         )
         select exists (select from accounts) as found
