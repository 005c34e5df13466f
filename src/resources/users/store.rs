//! The statements of users.
//!
//! Tables: `users`, with `identities`, `passwords` and `journal` in the same statements; `tickets` and
//! `mails` (a verification mail), `login_attempts` (deleted with the user or by a new password). Triggers
//! keep `user_terms` and `user_counts`.
//!
//! Locks: a change locks the user's row first (`for no key update`, a deletion `for update`), then rows of
//! `login_attempts`; a creation locks its connection (`for key share`). [`Update`] in a batch skips locked
//! rows; the request then runs alone and waits.
//!
//! Other writers of `users`: `identities` (link, unlink), `users::erasure`, `logins` (the last login) and
//! `tickets` (a verified address, a new password).

use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::document::identities;
use super::model::{Change, Created, Creation, IdentityChange, Updated, User};
use crate::base::error::{Error, ErrorKind, codes};
use crate::base::metadata;
use crate::db::array_literal;
use crate::db::batch::{Batch, RegisteredBatch, batch_index};
use crate::db::registry::Slot;
use crate::db::{self, Db, Statement};
use crate::journal::Author;
use crate::resources::tickets::model::Issue;

pub(crate) const STATEMENTS: &[&Statement] =
    &[&FETCH, &UPDATE, &UPDATE_MANY, &UPDATE_IDENTITY, &CREATE, &DELETE, &RESOLVE_IDENTITY];

/// How long a change waits before it is repeated after a deadlock.
const DEADLOCK_PAUSE: Duration = Duration::from_millis(50);

static FETCH: Statement = Statement::new("users.fetch", include_str!("sql/fetch.sql"));

/// The batch of reads by tenant and id; with the time of issue of the user's own token, if it is read by that.
pub(crate) struct Fetch;

impl RegisteredBatch for Fetch {
    fn slot() -> &'static Slot {
        static SLOT: Slot = Slot::new();
        &SLOT
    }
}

impl Batch for Fetch {
    type Item = (String, String, Option<OffsetDateTime>);
    type Output = Option<User>;
    type Key = ();
    const IDEMPOTENT: bool = true;
    const PER_THREAD: bool = true;

    fn tenant((tenant, ..): &Self::Item) -> &str {
        tenant
    }

    fn key(_: &Self::Item) -> Option<()> {
        None
    }

    async fn run(
        connection: &mut PgConnection,
        items: &[&Self::Item],
    ) -> Result<Vec<Option<Option<User>>>, sqlx::Error> {
        let tenants: Vec<&str> = items.iter().map(|item| item.0.as_str()).collect();
        let user_ids: Vec<&str> = items.iter().map(|item| item.1.as_str()).collect();
        let times: Vec<Option<OffsetDateTime>> = items.iter().map(|item| item.2).collect();
        let rows: Vec<FetchRow> = FETCH
            .bind("tenant_id", tenants)
            .bind("user_id", user_ids)
            .bind("issued_at", times)
            .fetch_all(connection)
            .await?;
        let mut users = vec![Some(None); items.len()];
        for row in rows {
            users[batch_index(row.n)?] = Some(Some(row.user));
        }
        Ok(users)
    }
}

#[derive(sqlx::FromRow)]
struct FetchRow {
    n: i64,
    #[sqlx(flatten)]
    user: User,
}

/// `issued_at` is that of the user's own token: `None` is also returned if the token is not valid.
pub(crate) async fn fetch(
    db: &Db,
    tenant: &str,
    user_id: &str,
    issued_at: Option<OffsetDateTime>,
) -> Result<Option<User>, Error> {
    db.run::<Fetch>((tenant.to_owned(), user_id.to_owned(), issued_at)).await
}

/// The existing ones of some users of one tenant, in the order of the ids.
pub(crate) async fn fetch_all(db: &Db, tenant: &str, user_ids: &[String]) -> Result<Vec<User>, Error> {
    let tenants = vec![tenant; user_ids.len()];
    let mut rows: Vec<FetchRow> = FETCH
        .bind("tenant_id", tenants)
        .bind("user_id", user_ids)
        .bind("issued_at", vec![None::<OffsetDateTime>; user_ids.len()])
        .fetch_all(db)
        .await?;
    rows.sort_by_key(|row| row.n);
    Ok(rows.into_iter().map(|row| row.user).collect())
}

static UPDATE: Statement = Statement::new("users.update", include_str!("sql/update.sql"));

static UPDATE_MANY: Statement = Statement::new("users.update_many", include_str!("sql/update_many.sql"));

/// The batch of changes of attributes and metadata.
pub(crate) struct Update;

impl RegisteredBatch for Update {
    fn slot() -> &'static Slot {
        static SLOT: Slot = Slot::new();
        &SLOT
    }
}

impl Batch for Update {
    type Item = Change;
    type Output = Updated;
    type Key = (String, String);
    const IDEMPOTENT: bool = false;

    fn tenant(change: &Change) -> &str {
        &change.tenant_id
    }

    fn key(change: &Change) -> Option<Self::Key> {
        Some((change.tenant_id.clone(), change.user_id.clone()))
    }

    async fn run(
        connection: &mut PgConnection,
        items: &[&Change],
    ) -> Result<Vec<Option<Updated>>, sqlx::Error> {
        let is_alone = items.len() == 1;
        let statement = if is_alone { &UPDATE } else { &UPDATE_MANY };
        let rows: Vec<UpdateRow> = statement
            .bind("tenant_id", of_each(items, |change| change.tenant_id.as_str()))
            .bind("user_id", of_each(items, |change| change.user_id.as_str()))
            .bind("set_profile", of_each(items, |change| json_text(&change.set)))
            .bind(
                "unset_profile",
                of_each(items, |change| array_literal(change.unset.iter().map(|name| Some(*name)))),
            )
            .bind("user_metadata_patch", of_each(items, |change| change.user_metadata.as_deref()))
            .bind("app_metadata_patch", of_each(items, |change| change.app_metadata.as_deref()))
            .bind(
                "if_match",
                of_each(items, |change| {
                    let tags = change.if_match.as_ref()?.iter();
                    Some(array_literal(tags.map(|tag| Some(tag.as_str()))))
                }),
            )
            .bind("author", of_each(items, |change| change.author.literal()))
            .bind("max_metadata_bytes", of_each(items, |change| change.max_metadata_bytes))
            .bind("issued_at", of_each(items, |change| change.issued_at))
            .fetch_all(connection)
            .await?;
        // In a batch, no row can also mean a locked one; that request runs again alone.
        let mut outcomes: Vec<_> = items.iter().map(|_| is_alone.then_some(Updated::NoSuchUser)).collect();
        for row in rows {
            outcomes[batch_index(row.n)?] = Some(row.outcome.into());
        }
        Ok(outcomes)
    }
}

#[derive(sqlx::FromRow)]
struct UpdateRow {
    n: i64,
    #[sqlx(flatten)]
    outcome: OutcomeRow,
}

#[derive(sqlx::FromRow)]
struct OutcomeRow {
    mismatched_etag: Option<String>,
    oversized_field: Option<String>,
    #[sqlx(flatten)]
    user: User,
}

#[derive(sqlx::FromRow)]
struct IdentityOutcomeRow {
    keeps_identifier: bool,
    #[sqlx(flatten)]
    outcome: OutcomeRow,
}

impl From<OutcomeRow> for Updated {
    fn from(row: OutcomeRow) -> Self {
        match (row.mismatched_etag, row.oversized_field) {
            (Some(tag), _) => Self::Mismatch(quoted(&tag)),
            (None, Some(field)) => Self::Oversized(field),
            (None, None) => Self::Done(Box::new(row.user)),
        }
    }
}

fn of_each<'a, I, T>(items: &[&'a I], value: impl Fn(&'a I) -> T) -> Vec<T> {
    items.iter().map(|item| value(item)).collect()
}

fn json_text(map: &Map<String, Value>) -> String {
    // Serializing a map of JSON values cannot fail.
    serde_json::to_string(map).unwrap_or_default()
}

/// An entity tag as a header has it.
fn quoted(tag: &str) -> String {
    format!("\"{tag}\"")
}

pub(crate) async fn update(db: &Db, change: Change) -> Result<Updated, Error> {
    db.run::<Update>(change).await
}

static UPDATE_IDENTITY: Statement =
    Statement::new("users.update_identity", include_str!("sql/update_identity.sql"));

const TAKEN_ON_UPDATE: &[(&str, ErrorKind)] = &[
    ("identities_email_key", codes::EMAIL_IN_USE),
    ("identities_username_key", codes::USERNAME_IN_USE),
    ("identities_phone_number_key", codes::PHONE_IN_USE),
];

pub(crate) async fn update_identity(
    db: &Db,
    change: &Change,
    identity: &IdentityChange,
    mail: Option<&Issue>,
) -> Result<Updated, Error> {
    let profile_data = identity.profile_data.as_ref();
    let attempt = || {
        UPDATE_IDENTITY
            .bind("tenant_id", &change.tenant_id)
            .bind("user_id", &change.user_id)
            .bind("set_profile", Json(&change.set))
            .bind("unset_profile", &change.unset)
            .bind("user_metadata_patch", change.user_metadata.as_deref().map(raw))
            .bind("app_metadata_patch", change.app_metadata.as_deref().map(raw))
            .bind("if_match", &change.if_match)
            .bind("author", change.author.literal())
            .bind("provider", &identity.provider)
            .bind("identity_id", &identity.identity_id)
            .bind("password_hash", &identity.password_hash)
            .bind("remove_password", identity.remove_password)
            .bind("set_profile_data", profile_data.map(|change| Json(&change.set)))
            .bind("unset_profile_data", profile_data.map(|change| &change.unset))
            .bind("issue", mail.map(|mail| Json(mail.parameter())))
            .bind("max_metadata_bytes", change.max_metadata_bytes)
            .bind("identifiers", &identity.identifiers)
            .bind("issued_at", change.issued_at)
            .fetch_optional::<IdentityOutcomeRow>(db)
    };
    let row = match attempt().await {
        // Two users who take each other's identifiers lock each other out. One of them is repeated after the
        // other.
        Err(error) if db::is_deadlock(&error) => {
            tokio::time::sleep(DEADLOCK_PAUSE).await;
            attempt().await
        }
        row => row,
    };
    let row = row.map_err(|e| change_error(e, TAKEN_ON_UPDATE, change.max_metadata_bytes))?;
    Ok(match row {
        None => Updated::NoSuchUser,
        Some(row) if row.outcome.mismatched_etag.is_none() && !row.keeps_identifier => Updated::NoIdentifier,
        Some(row) => row.outcome.into(),
    })
}

/// The error response for a failed creation or change. `bounded_metadata` names the field that is too large.
fn change_error(error: sqlx::Error, taken: &[(&str, ErrorKind)], max_metadata_bytes: i64) -> Error {
    let constraint = error.as_database_error().and_then(|e| e.constraint());
    match constraint.and_then(|name| name.strip_suffix("_size")) {
        Some(field @ ("user_metadata" | "app_metadata")) => metadata::too_large(field, max_metadata_bytes),
        _ => db::constraint_error(error, taken),
    }
}

/// JSON text as a parameter of type jsonb.
fn raw(text: &str) -> Json<&RawValue> {
    // The text was read as JSON before; null merges nothing.
    Json(serde_json::from_str(text).unwrap_or(RawValue::NULL))
}

static CREATE: Statement = Statement::new("users.create", include_str!("sql/create.sql"));

const TAKEN: &[(&str, ErrorKind)] = &[
    ("users_pkey", codes::USER_EXISTS),
    ("identities_pkey", codes::USER_EXISTS),
    ("passwords_pkey", codes::USER_EXISTS),
    ("identities_email_key", codes::USER_EXISTS),
    ("identities_username_key", codes::USERNAME_IN_USE),
    ("identities_phone_number_key", codes::USER_EXISTS),
];

/// The batch of creations.
pub(crate) struct Create;

impl RegisteredBatch for Create {
    fn slot() -> &'static Slot {
        static SLOT: Slot = Slot::new();
        &SLOT
    }
}

impl Batch for Create {
    type Item = Creation;
    type Output = Created;
    type Key = ();
    const IDEMPOTENT: bool = false;

    fn tenant(creation: &Creation) -> &str {
        &creation.tenant_id
    }

    fn key(_: &Creation) -> Option<()> {
        None
    }

    async fn run(
        connection: &mut PgConnection,
        items: &[&Creation],
    ) -> Result<Vec<Option<Created>>, sqlx::Error> {
        let is_alone = items.len() == 1;
        let rows: Vec<CreatedRow> = CREATE
            .bind("tenant_id", of_each(items, |item| item.tenant_id.as_str()))
            .bind("user_id", of_each(items, |item| item.id.as_str()))
            .bind("profile", of_each(items, |item| json_text(&item.new.profile)))
            .bind("user_metadata", of_each(items, |item| item.new.user_metadata.as_deref()))
            .bind("app_metadata", of_each(items, |item| item.new.app_metadata.as_deref()))
            .bind("identities", of_each(items, |item| identities(&item.new.connection, &item.id).to_string()))
            .bind("created_at", of_each(items, |item| item.created_at))
            .bind("provider", of_each(items, |item| item.id.provider()))
            .bind("identity_id", of_each(items, |item| item.id.identity()))
            .bind("connection", of_each(items, |item| item.new.connection.as_str()))
            .bind("password_hash", of_each(items, |item| item.password_hash.as_deref()))
            .bind("author", of_each(items, |item| item.author.literal()))
            .bind("issue", of_each(items, |item| item.mail.as_ref().map(|mail| mail.parameter().to_string())))
            .bind("connection_id", of_each(items, |item| item.connection_id.as_str()))
            .bind("max_metadata_bytes", of_each(items, |item| item.max_metadata_bytes))
            .bind("is_alone", is_alone)
            .fetch_all(connection)
            .await?;
        // In a batch, no row can also mean a taken identifier; that request runs again alone.
        let mut outcomes: Vec<_> =
            items.iter().map(|_| is_alone.then_some(Created::NoSuchConnection)).collect();
        for CreatedRow { n, oversized_field, user } in rows {
            outcomes[batch_index(n)?] = Some(match oversized_field {
                Some(field) => Created::Oversized(field),
                None => Created::Done(Box::new(user)),
            });
        }
        Ok(outcomes)
    }

    fn map_error(error: sqlx::Error) -> Error {
        db::constraint_error(error, TAKEN)
    }
}

#[derive(sqlx::FromRow)]
struct CreatedRow {
    n: i64,
    oversized_field: Option<String>,
    #[sqlx(flatten)]
    user: User,
}

pub(crate) async fn create(db: &Db, creation: Creation) -> Result<Created, Error> {
    db.run::<Create>(creation).await
}

static DELETE: Statement = Statement::new("users.delete", include_str!("sql/delete.sql"));

/// The outcome of a deletion.
pub(crate) enum Deleted {
    Done,
    /// Or the user's own token is not valid.
    NoSuchUser,
    /// The precondition does not hold; the current entity tag.
    Mismatch(String),
}

/// Deletes a user. `issued_at` is that of the user's own token.
pub(crate) async fn delete(
    db: &Db,
    tenant: &str,
    user_id: &str,
    if_match: Option<&[String]>,
    issued_at: Option<OffsetDateTime>,
    author: &Author,
) -> Result<Deleted, Error> {
    let row: Option<(String, bool)> = DELETE
        .bind("tenant_id", tenant)
        .bind("user_id", user_id)
        .bind("if_match", if_match)
        .bind("author", author.literal())
        .bind("issued_at", issued_at)
        .fetch_optional(db)
        .await?;
    Ok(match row {
        None => Deleted::NoSuchUser,
        Some((_, true)) => Deleted::Done,
        Some((tag, false)) => Deleted::Mismatch(quoted(&tag)),
    })
}

/// The identity of a user that a change addresses.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct ResolvedIdentity {
    pub provider: String,
    pub identity_id: String,
    pub connection: String,
    pub username: Option<String>,
}

static RESOLVE_IDENTITY: Statement =
    Statement::new("users.resolve_identity", include_str!("sql/resolve_identity.sql"));

/// `None` if the user is unknown or has no identity in the connection.
pub(crate) async fn resolve_identity(
    db: &Db,
    tenant: &str,
    user_id: &str,
    connection: Option<&str>,
) -> Result<Option<ResolvedIdentity>, Error> {
    let query =
        RESOLVE_IDENTITY.bind("tenant_id", tenant).bind("user_id", user_id).bind("connection", connection);
    Ok(query.fetch_optional(db).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn update_many_is_update_that_skips_locked_rows() {
        let body = |statement: &Statement| {
            let lines = statement.sql.lines().filter(|line| !line.starts_with("--"));
            lines.collect::<Vec<_>>().join("\n")
        };
        let (one, many) = (body(&UPDATE), body(&UPDATE_MANY));
        let (lock, skip) = ("for no key update of u", "for no key update of u skip locked");
        assert_eq!((one.matches(lock).count(), one.matches(skip).count()), (1, 0));
        assert_eq!(one.replace(lock, skip), many);
        assert_eq!(UPDATE.parameters().collect::<Vec<_>>(), UPDATE_MANY.parameters().collect::<Vec<_>>());
    }
}
