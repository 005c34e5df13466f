use serde_json::{Map, Value};
use sqlx::Row;
use sqlx::types::Json;

use super::model::Job;
use crate::base::error::Error;
use crate::db::{Db, Statement};
use crate::journal::{Author, author, insert_journal};
use crate::resources::tickets::model::Issue;
use crate::resources::tickets::store::{issue, target};

pub(crate) const STATEMENTS: &[&Statement] = &[&VERIFICATION_EMAIL, &FETCH];

static VERIFICATION_EMAIL: Statement = Statement::new(
    "jobs.verification_email",
    concat!(
        "with ",
        target!("i.provider = $2 and i.identity_id = $3"),
        ", ",
        issue!("$4::jsonb", "target"),
        ", job as (
             insert into jobs (tenant_id, job_id, type, status, created_at, updated_at)
             values ($1, $5, $6, case when $4 is null or not exists (select from target) then 'failed' else 'pending' end, $7, $7)
          returning tenant_id, job_id, type
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'job.created', job_id, jsonb_build_object('type', jsonb_build_object('after', type)), ",
        author!("$8::text[]"),
        "
               from job
         )
         select job_id
           from job"
    ),
);

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
        .query()
        .bind(tenant)
        .bind(provider)
        .bind(identity_id)
        .bind(issue.map(|issue| Json(issue.parameter())))
        .bind(&job.job_id)
        .bind(&job.r#type)
        .bind(job.created_at)
        .bind(author.entry())
        .execute(db.pool())
        .await?;
    Ok(())
}

static FETCH: Statement = Statement::new(
    "jobs.fetch",
    "select j.job_id, j.type, j.status, j.details, j.created_at
       from jobs j
      where j.tenant_id = $1
        and j.job_id = $2",
);

pub(crate) async fn fetch(db: &Db, tenant: &str, id: &str) -> Result<Option<Job>, Error> {
    let Some(row) = FETCH.query().bind(tenant).bind(id).fetch_optional(db.pool()).await? else {
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
