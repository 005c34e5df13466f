use serde_json::{Map, Value};
use sqlx::Row;
use sqlx::types::Json;

use super::model::Job;
use crate::base::error::Error;
use crate::db::{Db, Statement};
use crate::journal::Author;
use crate::resources::tickets::model::Issue;

pub(crate) const STATEMENTS: &[&Statement] = &[&VERIFICATION_EMAIL, &FETCH];

static VERIFICATION_EMAIL: Statement =
    Statement::new("jobs.verification_email", include_str!("sql/verification_email.sql"));

/// Makes the job and its mail; without a mail to send, or without anybody to send it to, a job that has failed.
pub(crate) async fn verification_email(
    db: &Db,
    tenant: &str,
    (provider, identity_id): &(String, String),
    job: &Job,
    issue: Option<&Issue>,
    author: &Author,
) -> Result<(), Error> {
    VERIFICATION_EMAIL
        .raw()
        .bind(tenant)
        .bind(provider)
        .bind(identity_id)
        .bind(issue.map(|issue| Json(issue.parameter())))
        .bind(&job.job_id)
        .bind(&job.r#type)
        .bind(job.created_at)
        .bind(author.literal())
        .execute(db.pool())
        .await?;
    Ok(())
}

static FETCH: Statement = Statement::new("jobs.fetch", include_str!("sql/fetch.sql"));

pub(crate) async fn fetch(db: &Db, tenant: &str, id: &str) -> Result<Option<Job>, Error> {
    let Some(row) = FETCH.raw().bind(tenant).bind(id).fetch_optional(db.pool()).await? else {
        return Ok(None);
    };
    let Json(details): Json<Map<String, Value>> = row.try_get("details")?;
    Ok(Some(Job {
        job_id: row.try_get("job_id")?,
        r#type: row.try_get("type")?,
        status: row.try_get("status")?,
        details,
        created_at: row.try_get("created_at")?,
    }))
}
