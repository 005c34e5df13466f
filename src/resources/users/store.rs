use std::time::Duration;

use serde_json::{Map, Value};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::model::{NewUser, User};
use crate::base::error::{Error, Meaning, codes};
use crate::db::array_literal;
use crate::db::batch::{Batch, place};
use crate::db::registry::Slot;
use crate::db::{self, Db, Statement, etag};
use crate::journal::{Author, author, insert_journal};
use crate::resources::logins::store::forget_attempts;
use crate::resources::tickets::model::Issue;
use crate::resources::tickets::store::issue;

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

/// What the function `journal_changes` tells of two objects, at half its price: Postgres cannot inline a function with a
/// subselect.
macro_rules! difference {
    ($old:literal, $new:literal) => {
        concat!(
            "(
                select coalesce(jsonb_object_agg(key,
                           case when ",
            $old,
            " ? key then jsonb_build_object('before', ",
            $old,
            " -> key) else '{}' end
                           || case when ",
            $new,
            " ? key then jsonb_build_object('after', ",
            $new,
            " -> key) else '{}' end), '{}')
                  from jsonb_object_keys(coalesce(",
            $old,
            " || ",
            $new,
            ", ",
            $old,
            ", ",
            $new,
            ")) key
                 where ",
            $old,
            " -> key is distinct from ",
            $new,
            " -> key)"
        )
    };
}

pub(crate) use difference;

/// What changed between two versions of a user, for the journal. `$old` is a row or alias that has `old_profile`,
/// `old_user_metadata` and `old_app_metadata` next to the new values.
macro_rules! changes {
    () => {
        concat!(
            "case when profile is distinct from old_profile then ",
            $crate::resources::users::store::difference!("old_profile", "profile"),
            " else '{}' end
            || case when user_metadata is distinct from old_user_metadata then jsonb_build_object('user_metadata', ",
            $crate::resources::users::store::difference!("old_user_metadata", "user_metadata"),
            ") else '{}' end
            || case when app_metadata is distinct from old_app_metadata then jsonb_build_object('app_metadata', ",
            $crate::resources::users::store::difference!("old_app_metadata", "app_metadata"),
            ") else '{}' end"
        )
    };
}
pub(crate) use changes;

static FETCH: Statement = Statement::new(
    "users.fetch",
    concat!(
        "select k.n,
            ",
        user!(),
        "
       from unnest($1::text[], $2::text[]) with ordinality as k(tenant_id, user_id, n)
       join users u on u.tenant_id = k.tenant_id and u.user_id = k.user_id"
    ),
);

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

    fn key(_: &Self::Item) -> Option<()> {
        None
    }

    async fn run(
        connection: &mut PgConnection,
        items: &[&Self::Item],
    ) -> Result<Vec<Option<Option<User>>>, sqlx::Error> {
        let tenants: Vec<&str> = items.iter().map(|i| i.0.as_str()).collect();
        let ids: Vec<&str> = items.iter().map(|i| i.1.as_str()).collect();
        let rows = FETCH.query().bind(tenants).bind(ids).fetch_all(connection).await?;
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
    let rows = FETCH.query().bind(vec![tenant; user_ids.len()]).bind(user_ids).fetch_all(db.pool()).await?;
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

/// The change of one user or of a batch, from a CTE `patch` to the CTE `changed`. `$set` is what is set beyond the patch
/// itself, `$and` what else has to hold, `$also` what other columns become, `$wait` whether a user whom somebody else is
/// changing is waited for or passed over.
macro_rules! change {
    ($set:expr, $and:literal, $also:expr, $wait:literal) => {
        concat!(
            "before as (
             select u.*, p.n, p.set_profile, p.unset_profile, p.user_metadata_patch, p.app_metadata_patch, p.if_match, p.author
               from patch p
               join users u on u.tenant_id = p.tenant_id and u.user_id = p.user_id",
            $and,
            "
                for no key update of u",
            $wait,
            "
         ), changed as (
             update users u
                set profile = (u.profile || ",
            $set,
            "b.set_profile) - b.unset_profile,
                    user_metadata = case when b.user_metadata_patch is null then u.user_metadata
                                         else merge_metadata(u.user_metadata, b.user_metadata_patch) end,
                    app_metadata = case when b.app_metadata_patch is null then u.app_metadata
                                        else nullif(merge_metadata(u.app_metadata, b.app_metadata_patch), '{}') end,
                    ",
            $also,
            "version = u.version + 1,
                    updated_at = clock_timestamp()
               from before b
              where u.tenant_id = b.tenant_id
                and u.user_id = b.user_id
                and (b.if_match is null or ",
            etag!("u"),
            " = any(b.if_match))
          returning u.*, b.n, b.author, b.profile as old_profile, b.user_metadata as old_user_metadata, b.app_metadata as old_app_metadata
         )"
        )
    };
}

/// The answers of a change: one row for each user that exists, with the tag where the precondition did not hold.
macro_rules! outcome {
    () => {
        concat!(
            "
         select u.n, null as tag, ",
            user!(),
            "
           from changed u
          union all
         select u.n, ",
            etag!("u"),
            ", ",
            user!(),
            "
           from before u
          where ",
            etag!("u"),
            " <> all(u.if_match)"
        )
    };
}

fn updated(row: &PgRow) -> Result<Updated, sqlx::Error> {
    Ok(match row.try_get::<Option<String>, _>("tag")? {
        Some(tag) => Updated::Mismatch(format!("\"{tag}\"")),
        None => Updated::Done(Box::new(user(row)?)),
    })
}

/// Changes of users, with `$wait` as [`change`] has it.
macro_rules! update {
    ($wait:literal) => {
    concat!(
        "with patch as (
             select p.tenant_id, p.user_id, p.n, p.set_profile::jsonb, p.unset_profile::text[],
                    p.user_metadata_patch::jsonb, p.app_metadata_patch::jsonb, p.if_match::text[], p.author::text[]
               from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[]) with ordinality
                 as p(tenant_id, user_id, set_profile, unset_profile, user_metadata_patch, app_metadata_patch, if_match, author, n)
         ), ",
        change!("", "", "", $wait),
        ", journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'user.updated', user_id, ",
        changes!(),
        ", ",
        author!("author"),
        "
               from changed
         )",
        outcome!()
    )
    };
}

static UPDATE: Statement = Statement::new("users.update", update!(""));

/// Waits for nobody: one user whom somebody else is changing must not keep all others of a batch waiting.
static UPDATE_MANY: Statement = Statement::new("users.update_many", update!(" skip locked"));

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
        let authors: Vec<String> = items.iter().map(|c| c.author.entry_literal()).collect();
        let is_alone = items.len() == 1;
        let rows = if is_alone { &UPDATE } else { &UPDATE_MANY }
            .query()
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

/// A new address or number that nobody says is verified is not. `$old` and `$new` are objects.
macro_rules! unverified {
    ($old:literal, $new:literal) => {
        concat!(
            "case when ",
            $new,
            " ? 'email' and ",
            $new,
            " ->> 'email' is distinct from ",
            $old,
            " ->> 'email' then '{\"email_verified\": false}' else '{}' end::jsonb
                             || case when ",
            $new,
            " ? 'phone_number' and ",
            $new,
            " ->> 'phone_number' is distinct from ",
            $old,
            " ->> 'phone_number' then '{\"phone_verified\": false}' else '{}' end::jsonb || "
        )
    };
}

static UPDATE_IDENTITY: Statement = Statement::new(
    "users.update_identity",
    concat!(
        "with patch as (
             select $1::text as tenant_id, $2::text as user_id, 1::bigint as n, $3::jsonb as set_profile, $4::text[] as unset_profile,
                    $5::jsonb as user_metadata_patch, $6::jsonb as app_metadata_patch, $7::text[] as if_match, $8::text[] as author
         ), ",
        change!(
            unverified!("u.profile", "b.set_profile"),
            " and u.identities @> jsonb_build_array(jsonb_build_object('provider', $9::text, 'user_id', $10::text))",
            concat!(
                "identities = case when $13::jsonb is null then u.identities else (
                        select jsonb_agg(case when i.identity @> jsonb_build_object('provider', $9::text, 'user_id', $10::text)
                                              then jsonb_set(i.identity, '{profileData}', ((i.identity -> 'profileData') || ",
                unverified!("(i.identity -> 'profileData')", "$13"),
                "$13) - $14::text[])
                                              else i.identity end order by i.place)
                          from jsonb_array_elements(u.identities) with ordinality as i(identity, place)) end,
                    "
            ),
            ""
        ),
        ", identity as (
             update identities i
                set email = known.profile ->> 'email',
                    username = known.profile ->> 'username',
                    phone_number = known.profile ->> 'phone_number'
               from changed c,
                    lateral (select coalesce(e.identity -> 'profileData', c.profile) as profile
                               from jsonb_array_elements(c.identities) as e(identity)
                              where e.identity @> jsonb_build_object('provider', $9::text, 'user_id', $10::text)) known
              where i.tenant_id = c.tenant_id
                and i.provider = $9
                and i.identity_id = $10
         ), password as (
             insert into passwords (tenant_id, provider, identity_id, hash)
             select tenant_id, $9, $10, $11
               from changed
              where $11::text is not null
                 on conflict (tenant_id, provider, identity_id)
                 do update set hash = excluded.hash, updated_at = clock_timestamp()
         ), removed_password as (
             delete from passwords p
              using changed c
              where p.tenant_id = c.tenant_id
                and p.provider = $9
                and p.identity_id = $10
                and $12
         ), target as (
             select tenant_id, $9::text as provider, $10::text as identity_id, profile ->> 'email' as email,
                    null::timestamptz as password_since
               from changed
              where profile ->> 'email' is not null
                and profile -> 'email_verified' is distinct from 'true'
         ), ",
        issue!("$15::jsonb", "target"),
        ", ",
        forget_attempts!("select user_id from changed where $11::text is not null"),
        ", journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'user.updated', user_id, ",
        changes!(),
        "
            || case when identities <> old_identities
                    then jsonb_build_object('identities', jsonb_build_object('before', old_identities, 'after', identities)) else '{}' end
            || case when $11::text is not null then '{\"password\": {\"after\": \"*****\"}}'
                    when $12 then '{\"password\": {\"before\": \"*****\"}}' else '{}' end::jsonb, ",
        author!("author"),
        "
               from changed, lateral (select b.identities as old_identities from before b) old
         )",
        outcome!()
    ),
);

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
            .query()
            .bind(&change.tenant)
            .bind(&change.user_id)
            .bind(sqlx::types::Json(&change.set))
            .bind(&change.unset)
            .bind(change.user_metadata.as_deref().map(raw))
            .bind(change.app_metadata.as_deref().map(raw))
            .bind(&change.if_match)
            .bind(change.author.entry())
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
static CREATE: Statement = Statement::new(
    "users.create",
    concat!(
        "with connection as (
             select tenant_id, name
               from connections
              where tenant_id = $1
                and name = $10
                and connection_id = $14
                for key share
         ), created as (
             insert into users (tenant_id, user_id, profile, user_metadata, app_metadata, identities, created_at, updated_at)
             select tenant_id, $2, $3, merge_metadata(null, $4), nullif(merge_metadata(null, $5), '{}'), $6, $7, $7
               from connection
          returning *
         ), identity as (
             insert into identities (tenant_id, provider, identity_id, user_id, connection, email, username, phone_number)
             select tenant_id, $8, $9, user_id, $10, profile ->> 'email', profile ->> 'username', profile ->> 'phone_number'
               from created
         ), password as (
             insert into passwords (tenant_id, provider, identity_id, hash)
             select tenant_id, $8, $9, $11
               from created
              where $11::text is not null
         ), target as (
             select tenant_id, $8::text as provider, $9::text as identity_id, profile ->> 'email' as email,
                    null::timestamptz as password_since
               from created
         ), ",
        issue!("$13::jsonb", "target"),
        ", journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'user.created', user_id, ",
        changes!(),
        "
            || case when $11::text is not null then '{\"password\": {\"after\": \"*****\"}}' else '{}' end::jsonb, ",
        author!("$12::text[]"),
        "
               from created, (select null::jsonb as old_profile, null::jsonb as old_user_metadata, null::jsonb as old_app_metadata) old
         )
         select ",
        user!(),
        "
           from created u"
    ),
);

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
        .query()
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
        .bind(author.entry())
        .bind(mail.map(|mail| sqlx::types::Json(mail.parameter())))
        .bind(connection_id)
        .fetch_optional(db.pool())
        .await
        .map_err(|e| db::refusal(e, TAKEN))?;
    Ok(row.as_ref().map(user).transpose()?)
}

static DELETE: Statement = Statement::new(
    "users.delete",
    concat!(
        "with before as (
             select u.*
               from users u
              where u.tenant_id = $1
                and u.user_id = $2
                for update
         ), deleted as (
             delete from users u
              using before b
              where u.tenant_id = b.tenant_id
                and u.user_id = b.user_id
                and ($3::text[] is null or ",
        etag!("u"),
        " = any($3))
          returning u.tenant_id, u.user_id, u.profile as old_profile, u.user_metadata as old_user_metadata, u.app_metadata as old_app_metadata,
                    null::jsonb as profile, null::jsonb as user_metadata, null::jsonb as app_metadata
         ), ",
        forget_attempts!("select user_id from deleted"),
        ", journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'user.deleted', user_id, ",
        changes!(),
        ", ",
        author!("$4::text[]"),
        "
               from deleted
         )
         select ",
        etag!("u"),
        " as tag
           from before u
          where not exists (select from deleted)"
    ),
);

/// Deletes a user, if there is one. The present tag if the precondition does not hold.
pub(crate) async fn delete(
    db: &Db,
    tenant: &str,
    user_id: &str,
    if_match: Option<&[String]>,
    author: &Author,
) -> Result<Option<String>, Error> {
    let row = DELETE
        .query()
        .bind(tenant)
        .bind(user_id)
        .bind(if_match)
        .bind(author.entry())
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

static TARGET: Statement = Statement::new(
    "users.target",
    "select i.provider,
            i.identity_id,
            i.connection,
            i.username
       from identities i
      where i.tenant_id = $1
        and i.user_id = $2
        and case when $3::text is null then i.provider || '|' || i.identity_id = $2 else i.connection = $3 end
      order by i.provider || '|' || i.identity_id = $2 desc, i.provider, i.identity_id
      limit 1",
);

pub(crate) async fn target(
    db: &Db,
    tenant: &str,
    user_id: &str,
    connection: Option<&str>,
) -> Result<Option<Target>, Error> {
    let row = TARGET.query().bind(tenant).bind(user_id).bind(connection).fetch_optional(db.pool()).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Target {
        provider: row.try_get("provider")?,
        identity_id: row.try_get("identity_id")?,
        connection: row.try_get("connection")?,
        username: row.try_get("username")?,
    }))
}
