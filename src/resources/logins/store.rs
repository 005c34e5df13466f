use sqlx::Row;

use super::Token;
use crate::base::error::Error;
use crate::db::{Db, Statement};
use crate::journal::{Author, author, insert_journal};
use crate::resources::users::model::User;
use crate::resources::users::store::{user, user_columns};

pub(crate) const STATEMENTS: &[&Statement] = &[&ATTEMPT, &LOG_IN, &REFUSE];

/// Is a row `a` of `login_attempts` so old that it counts no more? A row without address is that of all addresses.
macro_rules! lapsed {
    () => {
        "a.attempted_at < now() - case a.ip when '' then interval '1 day' else interval '30 days' end"
    };
}
pub(crate) use lapsed;

/// How many attempts a row `a` of `login_attempts` allows.
macro_rules! limit {
    () => {
        "case a.ip when '' then 100 else 10 end"
    };
}
pub(crate) use limit;

/// Forgets the attempts at the accounts that a query finds: two CTEs, the second of which has the accounts. Rows are
/// locked in the order that logins lock them in, that of all addresses last: else two could wait for each other.
macro_rules! forget_attempts {
    ($accounts:literal) => {
        concat!(
            "attempts as (
             select a.tenant_id, a.account, a.connection, a.ip
               from login_attempts a
              where a.tenant_id = $1
                and a.account in (",
            $accounts,
            ")
              order by a.account, a.connection, a.ip desc
                for update
         ), forgotten as (
             delete from login_attempts a
              using attempts f
              where a.tenant_id = $1
                and (a.account, a.connection, a.ip) = (f.account, f.connection, f.ip)
          returning a.account
         )"
        )
    };
}
pub(crate) use forget_attempts;

/// Counts one attempt, unless there were too many.
macro_rules! count {
    () => {
        concat!(
            "
                 on conflict (tenant_id, account, connection, ip)
                 do update set count = case when ",
            lapsed!(),
            " then 1 else a.count + 1 end,
                               identifier = excluded.identifier,
                               attempted_at = excluded.attempted_at
                      where a.count < ",
            limit!(),
            " or ",
            lapsed!(),
            "
          returning a.account"
        )
    };
}

/// What a login is attempted with.
pub(crate) struct Attempt<'a> {
    pub tenant: &'a str,
    pub connection: &'a str,
    pub email: Option<&'a str>,
    pub username: Option<&'a str>,
    pub phone_number: Option<&'a str>,
    pub identifier: &'a str,
    pub ip: &'a str,
    /// Does the connection count attempts?
    pub counted: bool,
}

/// Who was found.
pub(crate) struct Person {
    pub user_id: String,
    pub provider: String,
    pub identity_id: String,
    pub hash: Option<String>,
}

pub(crate) struct Attempted {
    pub may_try: bool,
    pub person: Option<Person>,
}

// The row of the address is locked before that of all addresses, as in forget_attempts.
static ATTEMPT: Statement = Statement::new(
    "logins.attempt",
    concat!(
        "with person as (
             select found.user_id, found.provider, found.identity_id, p.hash
               from (select 1 as rank, i.* from identities i where i.tenant_id = $1 and i.email = $3 and i.connection = $2
                     union all
                     select 2, i.* from identities i where i.tenant_id = $1 and i.phone_number = $4 and i.connection = $2
                     union all
                     select 3, i.* from identities i where i.tenant_id = $1 and i.username = $5 and i.connection = $2) found
               left join passwords p
                 on p.tenant_id = $1 and p.provider = found.provider and p.identity_id = found.identity_id
              order by found.rank
              limit 1
         ), of_address as (
             insert into login_attempts as a (tenant_id, account, connection, ip, identifier, count, attempted_at)
             select $1, coalesce((select user_id from person), '-' || $6), $2, $7, $6, 1, now()
              where $8::boolean",
        count!(),
        "
         ), of_account as (
             insert into login_attempts as a (tenant_id, account, connection, ip, identifier, count, attempted_at)
             select $1, account, $2, '', $6, 1, now()
               from of_address",
        count!(),
        "
         )
         select not $8 or exists (select from of_account) as may_try,
                person.user_id,
                person.provider,
                person.identity_id,
                person.hash
           from (values (1)) as one
           left join person on true"
    ),
);

pub(crate) async fn attempt(db: &Db, attempt: &Attempt<'_>) -> Result<Attempted, Error> {
    let row = ATTEMPT
        .query()
        .bind(attempt.tenant)
        .bind(attempt.connection)
        .bind(attempt.email)
        .bind(attempt.phone_number)
        .bind(attempt.username)
        .bind(attempt.identifier)
        .bind(attempt.ip)
        .bind(attempt.counted)
        .fetch_one(db.pool())
        .await?;
    let person = match row.try_get::<Option<String>, _>("user_id")? {
        None => None,
        Some(user_id) => Some(Person {
            user_id,
            provider: row.try_get("provider")?,
            identity_id: row.try_get("identity_id")?,
            hash: row.try_get("hash")?,
        }),
    };
    Ok(Attempted { may_try: row.try_get("may_try")?, person })
}

/// A login with the right password.
pub(crate) struct Login<'a> {
    pub attempt: &'a Attempt<'a>,
    pub person: &'a Person,
    /// To take the place of the hash that was found.
    pub new_hash: Option<&'a str>,
    /// As the document shows it.
    pub at: &'a str,
    pub token: Option<&'a Token>,
    pub author: &'a Author,
}

/// What came of it.
pub(crate) enum LoggedIn {
    Done(Box<User>),
    /// The password was changed or hashed anew since it was verified: the hash there is now.
    OtherHash(String),
    Blocked,
    Gone,
}

static LOG_IN: Statement = Statement::new(
    "logins.log_in",
    concat!(
        "with before as (
             select u.*, p.hash
               from users u
               join passwords p on p.tenant_id = u.tenant_id and p.provider = $7 and p.identity_id = $8
              where u.tenant_id = $1
                and u.user_id = $2
                and u.identities @> jsonb_build_array(jsonb_build_object('provider', $7::text, 'user_id', $8::text))
                for update
         ), logged_in as (
             update users u
                set profile = u.profile || jsonb_strip_nulls(jsonb_build_object(
                                  'last_login', $3::text,
                                  'last_ip', $4::text,
                                  'logins_count', coalesce((u.profile ->> 'logins_count')::bigint, 0) + 1)),
                    version = u.version + 1,
                    updated_at = clock_timestamp()
               from before b
              where u.tenant_id = b.tenant_id
                and u.user_id = b.user_id
                and b.profile -> 'blocked' is distinct from 'true'
                and b.hash = $9
          returning u.*
         ), forgot_address as (
             delete from login_attempts a
              using logged_in l
              where a.tenant_id = $1
                and a.account = l.user_id
                and a.connection = $5
                and a.ip = $6
          returning a.ip
         ), forgot_account as (
             delete from login_attempts a
              using logged_in l
              where a.tenant_id = $1
                and a.account = l.user_id
                and a.connection = $5
                and a.ip = ''
                and (select count(*) from forgot_address) >= 0
         ), rehashed as (
             update passwords p
                set hash = $10,
                    updated_at = clock_timestamp()
               from logged_in l
              where p.tenant_id = l.tenant_id
                and p.provider = $7
                and p.identity_id = $8
                and $10::text is not null
         ), expired as (
             delete from access_tokens t
              using logged_in l
              where t.tenant_id = l.tenant_id
                and t.user_id = l.user_id
                and t.expires_at < now()
         ), token as (
             insert into access_tokens (tenant_id, digest, user_id, client_id, scope, expires_at)
             select tenant_id, $11, user_id, $12, $13, $14
               from logged_in
              where $11::bytea is not null
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'user.logged_in', user_id, jsonb_build_object('connection', $5), ",
        author!("$15::text[]"),
        "
               from logged_in
         )
         select nullif(b.hash, $9) as other_hash,
                u.user_id is null as blocked,
            ",
        user_columns!(),
        "
           from before b
           left join logged_in u on true"
    ),
);

pub(crate) async fn log_in(db: &Db, login: &Login<'_>) -> Result<LoggedIn, Error> {
    let row = LOG_IN
        .query()
        .bind(login.attempt.tenant)
        .bind(&login.person.user_id)
        .bind(login.at)
        .bind(login.author.ip.as_deref())
        .bind(login.attempt.connection)
        .bind(login.attempt.ip)
        .bind(&login.person.provider)
        .bind(&login.person.identity_id)
        .bind(&login.person.hash)
        .bind(login.new_hash)
        .bind(login.token.map(|token| token.digest.as_slice()))
        .bind(login.author.client_id.as_deref())
        .bind(login.token.map(|token| token.scope.as_str()))
        .bind(login.token.map(|token| token.expires_at))
        .bind(login.author.entry())
        .fetch_optional(db.pool())
        .await?;
    let Some(row) = row else { return Ok(LoggedIn::Gone) };
    if let Some(hash) = row.try_get("other_hash")? {
        return Ok(LoggedIn::OtherHash(hash));
    }
    Ok(if row.try_get("blocked")? { LoggedIn::Blocked } else { LoggedIn::Done(Box::new(user(&row)?)) })
}

// Old counts go with the failures that come after them, so that the table does not grow for ever.
static REFUSE: Statement = Statement::new(
    "logins.refuse",
    concat!(
        "with old as (
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
         ",
        insert_journal!(),
        "
         select $1, 'user.login_failed', $2, jsonb_build_object('connection', $3::text, 'reason', $4::text), ",
        author!("$5::text[]")
    ),
);

pub(crate) async fn refuse(
    db: &Db,
    tenant: &str,
    subject: &str,
    connection: &str,
    reason: &str,
    author: &Author,
) -> Result<(), Error> {
    let query = REFUSE.query().bind(tenant).bind(subject).bind(connection).bind(reason);
    query.bind(author.entry()).execute(db.pool()).await?;
    Ok(())
}
