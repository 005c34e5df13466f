use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use super::model::{SettingsPatch, TenantSettings};
use crate::base::error::Error;
use crate::db::{Db, Statement};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] = &[&FETCH, &UPDATE, &TELLS_THAT_USER_EXISTS];

fn settings(row: &PgRow) -> Result<TenantSettings, sqlx::Error> {
    let Json(settings) = row.try_get("tenant_settings")?;
    Ok(TenantSettings { settings, etag: format!("\"{}\"", row.try_get::<&str, _>("etag")?) })
}

static FETCH: Statement = Statement::new("tenant_settings.fetch", include_str!("sql/fetch.sql"));

pub(crate) async fn fetch(db: &Db, tenant: &str) -> Result<TenantSettings, Error> {
    Ok(settings(&FETCH.raw().bind(tenant).fetch_one(db.pool()).await?)?)
}

/// What became of a change.
pub(crate) enum Updated {
    Done(TenantSettings),
    /// The precondition does not hold; the present tag.
    Mismatch(String),
}

static UPDATE: Statement = Statement::new("tenant_settings.update", include_str!("sql/update.sql"));

pub(crate) async fn update(
    db: &Db,
    tenant: &str,
    patch: &SettingsPatch,
    if_match: Option<&[String]>,
    author: &Author,
) -> Result<Updated, Error> {
    let query = UPDATE.raw().bind(tenant).bind(Json(&patch.set)).bind(&patch.unset);
    let row = query.bind(if_match).bind(author.literal()).fetch_one(db.pool()).await?;
    let settings = settings(&row)?;
    Ok(if row.try_get("matches")? { Updated::Done(settings) } else { Updated::Mismatch(settings.etag) })
}

static TELLS_THAT_USER_EXISTS: Statement =
    Statement::new("tenant_settings.tells_that_user_exists", include_str!("sql/tells_that_user_exists.sql"));

pub(crate) async fn tells_that_user_exists(db: &Db, tenant: &str) -> Result<bool, Error> {
    Ok(TELLS_THAT_USER_EXISTS.raw().bind(tenant).fetch_one(db.pool()).await?.try_get(0)?)
}
