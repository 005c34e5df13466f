use serde_json::Value;
use sqlx::Row;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::model::{Identity, Issue, Kind, State, Ticket};
use crate::base::error::Error;
use crate::base::timestamp::timestamp;
use crate::db::{Db, Statement};
use crate::journal::{Author, author, insert_journal};
use crate::resources::connections::store::is_enabled;
use crate::resources::logins::store::forget_attempts;

pub(crate) const STATEMENTS: &[&Statement] =
    &[&OF_USER, &OF_ADDRESS, &ISSUE, &REQUEST, &FETCH, &CHANGE_PASSWORD, &VERIFY_EMAIL];

/// The address of an identity `i` of a user `u`: the main one's is the user's.
macro_rules! address {
    () => {
        "case when i.provider || '|' || i.identity_id = u.user_id then u.profile ->> 'email' else i.email end"
    };
}

/// The CTEs `ticket` and `mail`. `$issue` is the parameter [`Issue::parameter`] makes, or null to do nothing; `$target`
/// is a CTE with the columns `tenant_id`, `provider`, `identity_id`, `email` and `password_since`.
macro_rules! issue {
    ($issue:literal, $target:literal) => {
        concat!(
            "ticket as (
             insert into tickets (tenant_id, digest, kind, provider, identity_id, email, password_since, client_id, result_url,
                                  mark_email_as_verified, include_email_in_redirect, created_at, expires_at)
             select t.tenant_id, decode(n.digest, 'base64'), n.kind, t.provider, t.identity_id, t.email, t.password_since,
                    n.client_id, n.result_url, coalesce(n.mark_email_as_verified, false),
                    coalesce(n.include_email_in_redirect, false), n.created_at, n.expires_at
               from ",
            $target,
            " t,
                    jsonb_to_record(",
            $issue,
            ") as n(kind text, digest text, client_id text, result_url text, mark_email_as_verified boolean,
                                        include_email_in_redirect boolean, created_at timestamptz, expires_at timestamptz)
              where n.digest is not null
         ), mail as (
             insert into mails (tenant_id, mail_id, kind, digest, job_id, recipient, subject, content, created_at, expires_at,
                                next_attempt_at)
             select t.tenant_id, n.mail_id, n.kind, decode(n.digest, 'base64'), n.job_id, t.email, n.subject,
                    decode(n.content, 'base64'), n.created_at, n.expires_at, n.created_at
               from ",
            $target,
            " t,
                    jsonb_to_record(",
            $issue,
            ") as n(kind text, digest text, mail_id text, job_id text, subject text, content text,
                                        created_at timestamptz, expires_at timestamptz)
              where n.mail_id is not null
         )"
        )
    };
}
pub(crate) use issue;

/// The CTE `target` of [`issue`], for an identity `i` of a user `u`.
macro_rules! target {
    ($condition:literal) => {
        concat!(
            "target as (
             select i.tenant_id, i.provider, i.identity_id, i.user_id, ",
            crate::resources::tickets::store::address!(),
            " as email, p.updated_at as password_since
               from identities i
               join users u on u.tenant_id = i.tenant_id and u.user_id = i.user_id
               left join passwords p
                 on p.tenant_id = i.tenant_id and p.provider = i.provider and p.identity_id = i.identity_id
              where i.tenant_id = $1
                and ",
            $condition,
            "
         )"
        )
    };
}
pub(crate) use {address, target};

/// An identity that a ticket is asked for.
#[derive(Debug)]
pub(crate) struct Target {
    pub user_id: String,
    /// `None` if the user has no such identity.
    pub identity: Option<(String, String)>,
    /// `None` if the connection of the identity is not there any more.
    pub connection: Option<Connection>,
    pub email: Option<String>,
    pub email_verified: bool,
    /// Is there the client that was named, if one was?
    pub client_exists: bool,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub id: String,
    pub strategy: String,
    pub is_enabled: bool,
}

/// What makes a [`Target`], of a user `u`, an identity `i` and a connection `c`; `$client` is a client's id or null.
macro_rules! found {
    ($client:literal) => {
        concat!(
            "select u.user_id, i.provider, i.identity_id, c.connection_id, c.strategy,
            ",
            is_enabled!("c"),
            " as is_enabled, ",
            address!(),
            " as email,
            coalesce(u.profile -> 'email_verified' = 'true', false) as email_verified, ",
            $client,
            "::text is null or exists (select from clients where tenant_id = $1 and client_id = ",
            $client,
            ") as client_exists"
        )
    };
}

fn found(row: &sqlx::postgres::PgRow) -> Result<Option<Target>, sqlx::Error> {
    let Some(user_id) = row.try_get("user_id")? else { return Ok(None) };
    let identity: Option<String> = row.try_get("provider")?;
    let connection: Option<String> = row.try_get("connection_id")?;
    Ok(Some(Target {
        user_id,
        identity: match identity {
            Some(provider) => Some((provider, row.try_get("identity_id")?)),
            None => None,
        },
        connection: match connection {
            Some(id) => Some(Connection {
                id,
                strategy: row.try_get("strategy")?,
                is_enabled: row.try_get("is_enabled")?,
            }),
            None => None,
        },
        email: row.try_get("email")?,
        email_verified: row.try_get("email_verified")?,
        client_exists: row.try_get("client_exists")?,
    }))
}

static OF_USER: Statement = Statement::new(
    "tickets.of_user",
    concat!(
        found!("$5"),
        "
       from users u
       left join identities i
         on i.tenant_id = u.tenant_id
        and i.user_id = u.user_id
        and case when $3::text is null then i.provider || '|' || i.identity_id = u.user_id
                 else i.provider = $3 and i.identity_id = $4 end
       left join connections c on c.tenant_id = i.tenant_id and c.name = i.connection
      where u.tenant_id = $1
        and u.user_id = $2"
    ),
);

/// A user's main identity, or the one that is named.
pub(crate) async fn of_user(
    db: &Db,
    tenant: &str,
    user_id: &str,
    identity: Option<&Identity>,
    client: Option<&str>,
) -> Result<Option<Target>, Error> {
    let row = OF_USER
        .query()
        .bind(tenant)
        .bind(user_id)
        .bind(identity.map(|i| &i.provider))
        .bind(identity.map(|i| &i.user_id))
        .bind(client)
        .fetch_optional(db.pool())
        .await?;
    Ok(row.as_ref().map(found).transpose()?.flatten())
}

static OF_ADDRESS: Statement = Statement::new(
    "tickets.of_address",
    concat!(
        found!("$4"),
        "
       from connections c
       left join identities i on i.tenant_id = c.tenant_id and i.email = $3 and i.connection = c.name
       left join users u on u.tenant_id = i.tenant_id and u.user_id = i.user_id
      where c.tenant_id = $1
        and c.connection_id = $2"
    ),
);

/// Whoever has an address in a connection; the outer `None` if there is no such connection.
pub(crate) async fn of_address(
    db: &Db,
    tenant: &str,
    connection_id: &str,
    email: &str,
    client: Option<&str>,
) -> Result<Option<Option<Target>>, Error> {
    let row = OF_ADDRESS
        .query()
        .bind(tenant)
        .bind(connection_id)
        .bind(email)
        .bind(client)
        .fetch_optional(db.pool())
        .await?;
    Ok(row.as_ref().map(found).transpose()?)
}

static ISSUE: Statement = Statement::new(
    "tickets.issue",
    concat!(
        "with ",
        target!("i.provider = $2 and i.identity_id = $3"),
        ", ",
        issue!("$4::jsonb", "target"),
        ", journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'ticket.created', user_id, jsonb_build_object('kind', jsonb_build_object('after', $4 -> 'kind')), ",
        author!("$5::text[]"),
        "
               from target
         )
         select user_id
           from target"
    ),
);

/// Makes a ticket for an identity; false if that is gone.
pub(crate) async fn make(
    db: &Db,
    tenant: &str,
    (provider, identity_id): &(String, String),
    issue: &Issue,
    author: &Author,
) -> Result<bool, Error> {
    let made = ISSUE
        .query()
        .bind(tenant)
        .bind(provider)
        .bind(identity_id)
        .bind(Json(issue.parameter()))
        .bind(author.entry())
        .fetch_optional(db.pool())
        .await?;
    Ok(made.is_some())
}

/// Asked for by anybody, so a limit: ten an hour for one identity. The journal has a row for each request, whether there
/// is such a user or not: an operator sees both, and both take a write.
static REQUEST: Statement = Statement::new(
    "tickets.request",
    concat!(
        "with ",
        target!(
            "i.email = $2
                and i.connection = $3
                and (select count(*)
                       from tickets t
                      where t.tenant_id = i.tenant_id
                        and t.provider = i.provider
                        and t.identity_id = i.identity_id
                        and t.kind = 'password_change'
                        and t.created_at > $4::timestamptz - interval '1 hour') < 10"
        ),
        ", ",
        issue!("$5::jsonb", "target"),
        ", journal_entry as (
             ",
        insert_journal!(),
        "
             select $1, case when t.user_id is null then 'password_change.refused' else 'password_change.requested' end,
                    coalesce(t.user_id, $2), jsonb_build_object('connection', jsonb_build_object('after', $3::text)), ",
        author!("$6::text[]"),
        "
               from (values (1)) as request
               left join target t on true
         )
         select t.user_id
           from target t"
    ),
);

/// Makes a ticket for whoever has an address in a connection, if anybody has.
pub(crate) async fn request(
    db: &Db,
    tenant: &str,
    email: &str,
    connection: &str,
    now: OffsetDateTime,
    issue: &Issue,
    author: &Author,
) -> Result<(), Error> {
    REQUEST
        .query()
        .bind(tenant)
        .bind(email)
        .bind(connection)
        .bind(now)
        .bind(Json(issue.parameter()))
        .bind(author.entry())
        .execute(db.pool())
        .await?;
    Ok(())
}

static FETCH: Statement = Statement::new(
    "tickets.fetch",
    concat!(
        "select t.used_at is not null as used,
            t.expires_at <= $4 as expired,
            coalesce(t.email = ",
        address!(),
        ", false)
                and (t.kind <> 'password_change' or t.password_since is not distinct from p.updated_at)
                and (t.kind <> 'email_verification' or i.provider || '|' || i.identity_id = u.user_id) as current,
            i.connection,
            t.email,
            t.result_url,
            t.include_email_in_redirect
       from tickets t
       join identities i
         on i.tenant_id = t.tenant_id and i.provider = t.provider and i.identity_id = t.identity_id
       join users u on u.tenant_id = i.tenant_id and u.user_id = i.user_id
       left join passwords p
         on p.tenant_id = i.tenant_id and p.provider = i.provider and p.identity_id = i.identity_id
      where t.tenant_id = $1
        and t.digest = $2
        and t.kind = $3"
    ),
);

/// A ticket by its digest.
pub(crate) async fn fetch(
    db: &Db,
    tenant: &str,
    kind: Kind,
    digest: &[u8],
    now: OffsetDateTime,
) -> Result<Option<Ticket>, Error> {
    let row = FETCH
        .query()
        .bind(tenant)
        .bind(digest)
        .bind(kind.as_str())
        .bind(now)
        .fetch_optional(db.pool())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let state = if row.try_get("used")? {
        State::Used
    } else if row.try_get("expired")? {
        State::Expired
    } else if row.try_get("current")? {
        State::Good
    } else {
        State::Overtaken
    };
    let result_url: Option<&str> = row.try_get("result_url")?;
    Ok(Some(Ticket {
        state,
        connection: row.try_get("connection")?,
        email: row.try_get("email")?,
        result_url: result_url.and_then(|url| url.parse().ok()),
        include_email_in_redirect: row.try_get("include_email_in_redirect")?,
    }))
}

/// The CTEs `before` and `used`. The user is locked first, as every change of one does, so that what a ticket depends on
/// stands still; then the ticket is used, which of several only one can do.
macro_rules! used {
    ($kind:literal, $condition:literal) => {
        concat!(
            "before as (
             select u.*, t.digest, t.provider, t.identity_id, t.password_since, t.mark_email_as_verified
               from tickets t
               join identities i
                 on i.tenant_id = t.tenant_id and i.provider = t.provider and i.identity_id = t.identity_id
               join users u on u.tenant_id = i.tenant_id and u.user_id = i.user_id
              where t.tenant_id = $1
                and t.digest = $2
                and t.kind = '",
            $kind,
            "'
                and t.expires_at > $3
                and t.email = ",
            address!(),
            $condition,
            "
                for update of u
         ), used as (
             update tickets t
                set used_at = $3
               from before b
              where t.tenant_id = b.tenant_id
                and t.digest = b.digest
                and t.used_at is null
          returning b.*
         )"
        )
    };
}

static CHANGE_PASSWORD: Statement = Statement::new(
    "tickets.change_password",
    concat!(
        "with ",
        used!("password_change", ""),
        ", password as (
             insert into passwords (tenant_id, provider, identity_id, hash)
             select u.tenant_id, u.provider, u.identity_id, $4
               from used u
              where u.password_since is null
                 or exists (select
                              from passwords p
                             where p.tenant_id = u.tenant_id and p.provider = u.provider and p.identity_id = u.identity_id)
                 on conflict (tenant_id, provider, identity_id)
                 do update set hash = excluded.hash, updated_at = clock_timestamp()
              where passwords.updated_at = (select password_since from used)
          returning tenant_id
         ), changed as (
             update users u
                set profile = u.profile || $5::jsonb
                              || case when b.mark_email_as_verified and b.provider || '|' || b.identity_id = b.user_id
                                      then '{\"email_verified\": true}' else '{}' end::jsonb,
                    version = u.version + 1,
                    updated_at = clock_timestamp()
               from used b
               join password p on p.tenant_id = b.tenant_id
              where u.tenant_id = b.tenant_id
                and u.user_id = b.user_id
          returning u.tenant_id, u.user_id, u.profile, b.profile as old_profile
         ), ",
        forget_attempts!("select user_id from changed"),
        ", journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'user.updated', user_id,
                    coalesce(journal_changes(old_profile, profile), '{}') || '{\"password\": {\"after\": \"*****\"}}', ",
        author!("$6::text[]"),
        "
               from changed
         )
         select user_id
           from changed"
    ),
);

/// Uses a ticket to set a password; false if it is not good any more.
pub(crate) async fn change_password(
    db: &Db,
    tenant: &str,
    digest: &[u8],
    password_hash: &str,
    now: OffsetDateTime,
    author: &Author,
) -> Result<bool, Error> {
    let reset: Value = serde_json::json!({ "last_password_reset": timestamp(now) });
    let changed = CHANGE_PASSWORD
        .query()
        .bind(tenant)
        .bind(digest)
        .bind(now)
        .bind(password_hash)
        .bind(Json(reset))
        .bind(author.entry())
        .fetch_optional(db.pool())
        .await?;
    Ok(changed.is_some())
}

static VERIFY_EMAIL: Statement = Statement::new(
    "tickets.verify_email",
    concat!(
        "with ",
        used!(
            "email_verification",
            "
                and i.provider || '|' || i.identity_id = u.user_id"
        ),
        ", changed as (
             update users u
                set profile = u.profile || '{\"email_verified\": true}',
                    version = u.version + 1,
                    updated_at = clock_timestamp()
               from used b
              where u.tenant_id = b.tenant_id
                and u.user_id = b.user_id
                and u.profile -> 'email_verified' is distinct from 'true'
          returning u.tenant_id, u.user_id, u.profile, b.profile as old_profile
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'user.updated', user_id, journal_changes(old_profile, profile), ",
        author!("$4::text[]"),
        "
               from changed
         )
         select user_id
           from used"
    ),
);

/// Uses a ticket to mark an address as verified; false if it is not good any more.
pub(crate) async fn verify_email(
    db: &Db,
    tenant: &str,
    digest: &[u8],
    now: OffsetDateTime,
    author: &Author,
) -> Result<bool, Error> {
    let used = VERIFY_EMAIL
        .query()
        .bind(tenant)
        .bind(digest)
        .bind(now)
        .bind(author.entry())
        .fetch_optional(db.pool())
        .await?;
    Ok(used.is_some())
}
