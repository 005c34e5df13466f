//! The column `tenant_settings` of `tenants`, with a version of its own.
//!
//! A change locks the tenant's row. Tenant files write the column too.

use serde_json::{Map, Value};
use sqlx::types::Json;

use super::model::{SettingsPatch, TenantSettings};
use crate::base::error::Error;
use crate::db::{Db, Statement};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] = &[&FETCH, &UPDATE, &SIGNUP_REPORTS_EXISTING_USERS];

type Settings = Json<Map<String, Value>>;

fn tenant_settings(Json(settings): Settings, etag: &str) -> TenantSettings {
    TenantSettings { settings, etag: format!("\"{etag}\"") }
}

static FETCH: Statement = Statement::new("tenant_settings.fetch", include_str!("sql/fetch.sql"));

pub(super) async fn fetch(db: &Db, tenant: &str) -> Result<TenantSettings, Error> {
    let (settings, etag): (Settings, String) = FETCH.bind("tenant_id", tenant).fetch_one(db).await?;
    Ok(tenant_settings(settings, &etag))
}

static UPDATE: Statement = Statement::new("tenant_settings.update", include_str!("sql/update.sql"));

/// Changes the settings. The inner error is the present tag, which does not match.
pub(super) async fn update(
    db: &Db,
    tenant: &str,
    patch: &SettingsPatch,
    if_match: Option<&[String]>,
    author: &Author,
) -> Result<Result<TenantSettings, String>, Error> {
    let (is_match, settings, etag): (bool, Settings, String) = UPDATE
        .bind("tenant_id", tenant)
        .bind("set_settings", Json(&patch.set))
        .bind("unset_settings", &patch.unset)
        .bind("if_match", if_match)
        .bind("author", author.literal())
        .fetch_one(db)
        .await?;
    let settings = tenant_settings(settings, &etag);
    Ok(if is_match { Ok(settings) } else { Err(settings.etag) })
}

static SIGNUP_REPORTS_EXISTING_USERS: Statement = Statement::new(
    "tenant_settings.signup_reports_existing_users",
    include_str!("sql/signup_reports_existing_users.sql"),
);

pub(super) async fn signup_reports_existing_users(db: &Db, tenant: &str) -> Result<bool, Error> {
    let (is_reported,) = SIGNUP_REPORTS_EXISTING_USERS.bind("tenant_id", tenant).fetch_one(db).await?;
    Ok(is_reported)
}
