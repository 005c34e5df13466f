use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use super::model::{SettingsPatch, TenantSettings};
use crate::base::error::Error;
use crate::db::{Db, Statement, etag};
use crate::journal::{Author, author, insert_journal};

pub(crate) const STATEMENTS: &[&Statement] = &[&FETCH, &UPDATE, &TELLS_THAT_USER_EXISTS];

fn settings(row: &PgRow) -> Result<TenantSettings, sqlx::Error> {
    let Json(settings) = row.try_get("tenant_settings")?;
    Ok(TenantSettings { settings, etag: format!("\"{}\"", row.try_get::<&str, _>("etag")?) })
}

static FETCH: Statement = Statement::new(
    "tenant_settings.fetch",
    concat!(
        "select t.tenant_settings, ",
        etag!("t.tenant_settings_version", "t"),
        " as etag
       from tenants t
      where t.tenant_id = $1"
    ),
);

pub(crate) async fn fetch(db: &Db, tenant: &str) -> Result<TenantSettings, Error> {
    Ok(settings(&FETCH.query().bind(tenant).fetch_one(db.pool()).await?)?)
}

/// What became of a change.
pub(crate) enum Updated {
    Done(TenantSettings),
    /// The precondition does not hold; the present tag.
    Mismatch(String),
}

static UPDATE: Statement = Statement::new(
    "tenant_settings.update",
    concat!(
        "with before as (
             select *
               from tenants
              where tenant_id = $1
                for no key update
         ), judged as (
             select b.*,
                    merge_settings(b.tenant_settings, $2, $3::text[]) as merged,
                    $4::text[] is null or ",
        etag!("b.tenant_settings_version", "b"),
        " = any($4) as matches
               from before b
         ), changed as (
             update tenants t
                set tenant_settings = j.merged,
                    tenant_settings_version = j.tenant_settings_version + 1,
                    updated_at = clock_timestamp()
               from judged j
              where t.tenant_id = j.tenant_id
                and j.matches
                and j.merged <> j.tenant_settings
          returning t.*, j.tenant_settings as old_settings
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'tenant_settings.updated', tenant_id, journal_changes(old_settings, tenant_settings), ",
        author!("$5::text[]"),
        "
               from changed
         )
         select j.matches, coalesce(c.tenant_settings, j.tenant_settings) as tenant_settings, ",
        etag!("coalesce(c.tenant_settings_version, j.tenant_settings_version)", "j"),
        " as etag
           from judged j
           left join changed c on true"
    ),
);

pub(crate) async fn update(
    db: &Db,
    tenant: &str,
    patch: &SettingsPatch,
    if_match: Option<&[String]>,
    author: &Author,
) -> Result<Updated, Error> {
    let query = UPDATE.query().bind(tenant).bind(Json(&patch.set)).bind(&patch.unset);
    let row = query.bind(if_match).bind(author.entry()).fetch_one(db.pool()).await?;
    let settings = settings(&row)?;
    Ok(if row.try_get("matches")? { Updated::Done(settings) } else { Updated::Mismatch(settings.etag) })
}

static TELLS_THAT_USER_EXISTS: Statement = Statement::new(
    "tenant_settings.tells_that_user_exists",
    "select coalesce((tenant_settings #>> '{flags,enable_public_signup_user_exists_error}')::boolean, true)
       from tenants
      where tenant_id = $1",
);

pub(crate) async fn tells_that_user_exists(db: &Db, tenant: &str) -> Result<bool, Error> {
    Ok(TELLS_THAT_USER_EXISTS.query().bind(tenant).fetch_one(db.pool()).await?.try_get(0)?)
}
