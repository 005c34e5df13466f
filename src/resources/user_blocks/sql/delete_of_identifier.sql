-- Deletes the attempts at the accounts of an identifier, and thereby their blocks.
-- The accounts of an identifier are the users with it, and `-identifier`, under which attempts are counted
-- that match no user.
-- Rows are locked in the order in which logins lock them, the row of all addresses (without an IP address)
-- last; otherwise two statements could deadlock.
-- $1 tenant_id text
-- $2 identifier text: an e-mail address, a username or a phone number, in lower case
-- $3 author text: a journal_author
with accounts as (
    select '-' || $2::text as account
     union
    select user_id
      from identities
     where tenant_id = $1
       and email = $2
     union
    select user_id
      from identities
     where tenant_id = $1
       and username = $2
     union
    select user_id
      from identities
     where tenant_id = $1
       and phone_number = $2
), attempts as (
    select a.account,
           a.connection,
           a.ip
      from login_attempts a
     where a.tenant_id = $1
       and a.account in (select account from accounts)
     order by a.account, a.connection, a.ip desc
       for update
), deleted as (
    delete from login_attempts a
     using attempts d
     where a.tenant_id = $1
       and a.account = d.account
       and a.connection = d.connection
       and a.ip = d.ip
 returning a.account
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select $1,
           'user.unblocked',
           min(account),
           jsonb_build_object('accounts', jsonb_agg(distinct account)),
           ($3::journal_author).*
      from deleted
    having count(*) > 0
)
select account
  from deleted
