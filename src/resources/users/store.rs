use std::time::Duration;

use serde_json::{Map, Value};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::model::{NewUser, User};
use crate::base::error::{Error, Meaning, codes};
use crate::db::array_literal;
use crate::db::batch::{Batch, place};
use crate::db::registry::Slot;
use crate::db::{self, Db, Statement};
use crate::journal::Author;
use crate::resources::tickets::model::Issue;

pub(crate) const STATEMENTS: &[&Statement] =
    &[&FETCH, &UPDATE, &UPDATE_MANY, &UPDATE_IDENTITY, &CREATE, &DELETE, &TARGET];

/// What makes a [`User`], of a table or CTE `u`.
macro_rules! user {
    () => {
        "u.user_id,
            u.profile::text,
            u.identities::text,
            u.user_metadata::text,
            u.app_metadata::text,
            u.version,
            u.created_at,
            u.updated_at"
    };
}
pub(crate) use user as user_columns;

/// Has the user `u` of a tenant an identity in a connection?
macro_rules! is_in_connection {
    ($tenant:literal, $name:literal) => {
        concat!(
            "exists (select from identities i where i.tenant_id = ",
            $tenant,
            " and i.user_id = u.user_id and i.connection = ",
            $name,
            ")"
        )
    };
}

pub(crate) use is_in_connection;

/// What computed names are made of, as [`User::document`] has it.
macro_rules! known_as {
    () => {
        "coalesce(u.profile ->> 'email', u.profile ->> 'username', u.profile ->> 'phone_number', '')"
    };
}
pub(crate) use known_as;

pub(crate) fn user(row: &PgRow) -> Result<User, sqlx::Error> {
    Ok(User {
        user_id: row.try_get("user_id")?,
        profile: row.try_get("profile")?,
        identities: row.try_get("identities")?,
        user_metadata: row.try_get("user_metadata")?,
        app_metadata: row.try_get("app_metadata")?,
        version: row.try_get("version")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}

static FETCH: Statement = Statement::new("users.fetch", include_str!("sql/fetch.sql"));

/// Users by id.
pub(crate) struct Fetch;

impl Batch for Fetch {
    type Item = (String, String);
    type Output = Option<User>;
    type Key = ();
    const IDEMPOTENT: bool = true;
    const PER_THREAD: bool = true;

    fn slot() -> &'static Slot {
        static SLOT: Slot = Slot::new();
        &SLOT
    }

    fn tenant((tenant, _): &Self::Item) -> &str {
        tenant
    }

    fn key(_: &Self::Item) -> Option<()> {
        None
    }

    async fn run(
        connection: &mut PgConnection,
        items: &[&Self::Item],
    ) -> Result<Vec<Option<Option<User>>>, sqlx::Error> {
        let tenants: Vec<&str> = items.iter().map(|i| i.0.as_str()).collect();
        let ids: Vec<&str> = items.iter().map(|i| i.1.as_str()).collect();
        let rows = FETCH.raw().bind(tenants).bind(ids).fetch_all(connection).await?;
        let mut found = vec![Some(None); items.len()];
        for row in &rows {
            found[place(row)?] = Some(Some(user(row)?));
        }
        Ok(found)
    }
}

pub(crate) async fn fetch(db: &Db, tenant: &str, user_id: &str) -> Result<Option<User>, Error> {
    db.run::<Fetch>((tenant.to_owned(), user_id.to_owned())).await
}

/// Those of some users of one tenant that exist, in the order they were asked for.
pub(crate) async fn fetch_all(db: &Db, tenant: &str, user_ids: &[String]) -> Result<Vec<User>, Error> {
    let rows = FETCH.raw().bind(vec![tenant; user_ids.len()]).bind(user_ids).fetch_all(db.pool()).await?;
    let mut users =
        rows.iter().map(|row| Ok((place(row)?, user(row)?))).collect::<Result<Vec<_>, Error>>()?;
    users.sort_by_key(|(place, _)| *place);
    Ok(users.into_iter().map(|(_, user)| user).collect())
}

/// What a change came to.
#[derive(Debug)]
pub(crate) enum Updated {
    Done(Box<User>),
    NoSuchUser,
    /// The precondition does not hold; the present tag.
    Mismatch(String),
}

/// A change of attributes and metadata, as it is bound.
#[derive(Debug)]
pub(crate) struct Change {
    pub tenant: String,
    pub user_id: String,
    pub set: Map<String, Value>,
    pub unset: Vec<&'static str>,
    pub user_metadata: Option<String>,
    pub app_metadata: Option<String>,
    /// Tags of which one must be the present one.
    pub if_match: Option<Vec<String>>,
    pub author: Author,
}

fn updated(row: &PgRow) -> Result<Updated, sqlx::Error> {
    Ok(match row.try_get::<Option<String>, _>("mismatched_etag")? {
        Some(tag) => Updated::Mismatch(format!("\"{tag}\"")),
        None => Updated::Done(Box::new(user(row)?)),
    })
}

static UPDATE: Statement = Statement::new("users.update", include_str!("sql/update.sql"));

/// Waits for nobody: one user whom somebody else is changing must not keep all others of a batch waiting.
static UPDATE_MANY: Statement = Statement::new("users.update_many", include_str!("sql/update_many.sql"));

/// Changes of attributes and metadata.
pub(crate) struct Update;

impl Batch for Update {
    type Item = Change;
    type Output = Updated;
    type Key = (String, String);
    const IDEMPOTENT: bool = false;

    fn slot() -> &'static Slot {
        static SLOT: Slot = Slot::new();
        &SLOT
    }

    fn tenant(change: &Change) -> &str {
        &change.tenant
    }

    fn key(change: &Change) -> Option<Self::Key> {
        Some((change.tenant.clone(), change.user_id.clone()))
    }

    async fn run(
        connection: &mut PgConnection,
        items: &[&Change],
    ) -> Result<Vec<Option<Updated>>, sqlx::Error> {
        let tenants: Vec<&str> = items.iter().map(|c| c.tenant.as_str()).collect();
        let ids: Vec<&str> = items.iter().map(|c| c.user_id.as_str()).collect();
        let set: Vec<String> = items.iter().map(|c| json(&c.set)).collect();
        let unset: Vec<String> =
            items.iter().map(|c| array_literal(c.unset.iter().map(|name| Some(*name)))).collect();
        let user_metadata: Vec<Option<&str>> = items.iter().map(|c| c.user_metadata.as_deref()).collect();
        let app_metadata: Vec<Option<&str>> = items.iter().map(|c| c.app_metadata.as_deref()).collect();
        let if_match: Vec<Option<String>> = items
            .iter()
            .map(|c| c.if_match.as_ref().map(|tags| array_literal(tags.iter().map(|t| Some(t.as_str())))))
            .collect();
        let authors: Vec<String> = items.iter().map(|c| c.author.literal()).collect();
        let is_alone = items.len() == 1;
        let rows = if is_alone { &UPDATE } else { &UPDATE_MANY }
            .raw()
            .bind(tenants)
            .bind(ids)
            .bind(set)
            .bind(unset)
            .bind(user_metadata)
            .bind(app_metadata)
            .bind(if_match)
            .bind(authors)
            .fetch_all(connection)
            .await?;
        // In company, nobody there can also mean that somebody else is changing the user.
        let mut outcomes: Vec<_> = items.iter().map(|_| is_alone.then_some(Updated::NoSuchUser)).collect();
        for row in &rows {
            outcomes[place(row)?] = Some(updated(row)?);
        }
        Ok(outcomes)
    }
}

fn json(map: &Map<String, Value>) -> String {
    // Maps of strings and JSON values always have a text.
    serde_json::to_string(map).unwrap_or_default()
}

pub(crate) async fn update(db: &Db, change: Change) -> Result<Updated, Error> {
    db.run::<Update>(change).await
}

/// What one of a user's identities is known by or proves itself with.
#[derive(Debug)]
pub(crate) struct IdentityChange {
    pub provider: String,
    pub identity_id: String,
    pub password_hash: Option<String>,
    pub remove_password: bool,
    /// Of a secondary identity: what to set in its `profileData` and what to remove. The primary's is the profile.
    pub of_secondary: Option<(Map<String, Value>, Vec<&'static str>)>,
}

static UPDATE_IDENTITY: Statement =
    Statement::new("users.update_identity", include_str!("sql/update_identity.sql"));

const TAKEN_ON_UPDATE: &[(&str, Meaning)] = &[
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
    let attempt = || {
        UPDATE_IDENTITY
            .raw()
            .bind(&change.tenant)
            .bind(&change.user_id)
            .bind(sqlx::types::Json(&change.set))
            .bind(&change.unset)
            .bind(change.user_metadata.as_deref().map(raw))
            .bind(change.app_metadata.as_deref().map(raw))
            .bind(&change.if_match)
            .bind(change.author.literal())
            .bind(&identity.provider)
            .bind(&identity.identity_id)
            .bind(&identity.password_hash)
            .bind(identity.remove_password)
            .bind(identity.of_secondary.as_ref().map(|(set, _)| sqlx::types::Json(set)))
            .bind(identity.of_secondary.as_ref().map(|(_, unset)| unset))
            .bind(mail.map(|mail| sqlx::types::Json(mail.parameter())))
            .fetch_optional(db.pool())
    };
    let row = match attempt().await {
        // Two users who want each other's address at once wait for each other; one of them tries again, after the other.
        Err(error) if db::is_deadlock(&error) => {
            tokio::time::sleep(Duration::from_millis(50)).await;
            attempt().await
        }
        row => row,
    };
    row.map_err(|e| db::refusal(e, TAKEN_ON_UPDATE))?
        .map_or(Ok(Updated::NoSuchUser), |row| Ok(updated(&row)?))
}

/// JSON text as a parameter of type jsonb.
fn raw(text: &str) -> sqlx::types::Json<&serde_json::value::RawValue> {
    // The text was read as JSON already; what is not JSON merges nothing.
    sqlx::types::Json(serde_json::from_str(text).unwrap_or(serde_json::value::RawValue::NULL))
}

// The lock keeps the connection, the very one that was looked at, from going away before the user is there to go with it.
static CREATE: Statement = Statement::new("users.create", include_str!("sql/create.sql"));

const TAKEN: &[(&str, Meaning)] = &[
    ("users_pkey", codes::USER_EXISTS),
    ("identities_pkey", codes::USER_EXISTS),
    ("passwords_pkey", codes::USER_EXISTS),
    ("identities_email_key", codes::USER_EXISTS),
    ("identities_username_key", codes::USERNAME_IN_USE),
    ("identities_phone_number_key", codes::USER_EXISTS),
];

/// `None` if the connection is gone, though there may be another one of its name.
#[expect(clippy::too_many_arguments, reason = "one for each thing a new user is made of")]
pub(crate) async fn create(
    db: &Db,
    tenant: &str,
    connection_id: &str,
    id: &crate::base::ids::UserId,
    new: &NewUser,
    password_hash: Option<&str>,
    mail: Option<&Issue>,
    now: time::OffsetDateTime,
    author: &Author,
) -> Result<Option<User>, Error> {
    let row = CREATE
        .raw()
        .bind(tenant)
        .bind(id.as_str())
        .bind(sqlx::types::Json(&new.profile))
        .bind(new.user_metadata.as_deref().map(raw))
        .bind(new.app_metadata.as_deref().map(raw))
        .bind(sqlx::types::Json(super::model::identities(&new.connection, id)))
        .bind(now)
        .bind(id.provider())
        .bind(id.identity())
        .bind(&new.connection)
        .bind(password_hash)
        .bind(author.literal())
        .bind(mail.map(|mail| sqlx::types::Json(mail.parameter())))
        .bind(connection_id)
        .fetch_optional(db.pool())
        .await
        .map_err(|e| db::refusal(e, TAKEN))?;
    Ok(row.as_ref().map(user).transpose()?)
}

static DELETE: Statement = Statement::new("users.delete", include_str!("sql/delete.sql"));

/// Deletes a user, if there is one. The present tag if the precondition does not hold.
pub(crate) async fn delete(
    db: &Db,
    tenant: &str,
    user_id: &str,
    if_match: Option<&[String]>,
    author: &Author,
) -> Result<Option<String>, Error> {
    let row = DELETE
        .raw()
        .bind(tenant)
        .bind(user_id)
        .bind(if_match)
        .bind(author.literal())
        .fetch_optional(db.pool())
        .await?;
    Ok(row.map(|row| row.try_get::<String, _>("tag")).transpose()?.map(|tag| format!("\"{tag}\"")))
}

/// An identity a change is aimed at.
#[derive(Debug)]
pub(crate) struct Target {
    pub provider: String,
    pub identity_id: String,
    pub connection: String,
    pub username: Option<String>,
}

static TARGET: Statement = Statement::new("users.target", include_str!("sql/target.sql"));

pub(crate) async fn target(
    db: &Db,
    tenant: &str,
    user_id: &str,
    connection: Option<&str>,
) -> Result<Option<Target>, Error> {
    let row = TARGET.raw().bind(tenant).bind(user_id).bind(connection).fetch_optional(db.pool()).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Target {
        provider: row.try_get("provider")?,
        identity_id: row.try_get("identity_id")?,
        connection: row.try_get("connection")?,
        username: row.try_get("username")?,
    }))
}
