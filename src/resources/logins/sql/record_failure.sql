-- Writes the journal entry of a failed login, and deletes up to four lapsed attempts of the tenant, so that
-- the table does not grow without end. Locked rows are skipped: another statement is about to use or delete
-- them.
-- $1 tenant_id text
-- $2 subject text: the user, or the connection if the identifier matches no user
-- $3 connection text
-- $4 reason text
-- $5 author text: a journal_author
with lapsed as (
    select a.account,
           a.connection,
           a.ip
      from login_attempts a
     where a.tenant_id = $1
       and a.attempted_at < now() - interval '30 days'
     order by a.attempted_at
     limit 4
       for update skip locked
), deleted as (
    delete from login_attempts a
     using lapsed l
     where a.tenant_id = $1
       and a.account = l.account
       and a.connection = l.connection
       and a.ip = l.ip
)
insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
select $1,
       'user.login_failed',
       $2,
       jsonb_build_object('connection', $3::text, 'reason', $4::text),
       ($5::journal_author).*
