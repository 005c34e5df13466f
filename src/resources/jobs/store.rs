//! Table `jobs`. `create_verification_email` also writes `tickets` and `mails` and reads `identities`,
//! `users` and `passwords`; the outcome of a mail (`mail`) sets the status of its job. It takes no lock
//! beyond those of its inserts.

use serde_json::{Map, Value};
use sqlx::types::Json;
use time::OffsetDateTime;

use super::model::Job;
use crate::base::error::Error;
use crate::db::{Db, Statement};
use crate::journal::Author;
use crate::resources::tickets::model::{IdentityKey, Issue};

pub(crate) const STATEMENTS: &[&Statement] = &[&CREATE_VERIFICATION_EMAIL, &FETCH];

static CREATE_VERIFICATION_EMAIL: Statement =
    Statement::new("jobs.create_verification_email", include_str!("sql/create_verification_email.sql"));

/// Creates a job with its ticket and mail. Without a ticket, or without the identity, the job is stored as
/// failed.
pub(crate) async fn create_verification_email(
    db: &Db,
    tenant: &str,
    identity: &IdentityKey,
    job: &Job,
    issue: Option<&Issue>,
    author: &Author,
) -> Result<(), Error> {
    CREATE_VERIFICATION_EMAIL
        .bind("tenant_id", tenant)
        .bind("provider", &identity.provider)
        .bind("identity_id", &identity.identity_id)
        .bind("issue", issue.map(|issue| Json(issue.parameter())))
        .bind("job_id", &job.job_id)
        .bind("type", &job.r#type)
        .bind("created_at", job.created_at)
        .bind("author", author.literal())
        .execute(db)
        .await?;
    Ok(())
}

static FETCH: Statement = Statement::new("jobs.fetch", include_str!("sql/fetch.sql"));

pub(crate) async fn fetch(db: &Db, tenant: &str, id: &str) -> Result<Option<Job>, Error> {
    type Row = (String, String, String, Json<Map<String, Value>>, OffsetDateTime);
    let row: Option<Row> = FETCH.bind("tenant_id", tenant).bind("job_id", id).fetch_optional(db).await?;
    Ok(row.map(|(job_id, r#type, status, Json(details), created_at)| Job {
        job_id,
        r#type,
        status,
        details,
        created_at,
    }))
}
