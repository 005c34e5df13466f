//! Jobs: work that is requested now and done later.
//!
//! | endpoint | scopes (any of) |
//! | --- | --- |
//! | `POST /api/v2/jobs/verification-email` | `update:users` |
//! | `GET /api/v2/jobs/{id}` | `create:users`, `read:users` |
//!
//! The job of a verification mail is completed when a mail server has accepted the mail. It fails when the
//! mail is given up, and immediately when the address is verified already, as a recorded job did.
//!
//! Decisions: an unknown user is 404; a `client_id` must be one of the tenant's; `organization_id` is
//! rejected, because no user is a member of an organization.

pub mod model;
pub mod routes;
pub(crate) mod store;

use crate::app::Context;
use crate::base::error::{Result, codes};
use crate::base::ids;
use crate::resources::tickets::{self, model::Kind};
use model::{Job, VerificationEmail};

/// Sends a user a verification mail, as a job.
pub async fn send_verification_email(ctx: &Context, request: VerificationEmail) -> Result<Job> {
    let VerificationEmail { user_id, identity, client_id } = request;
    let target = tickets::target_of_user(ctx, &user_id, identity.as_ref(), client_id.as_deref()).await?;
    let target = target.ok_or(codes::INEXISTENT_USER)?;
    if target.connection.as_ref().is_some_and(|connection| !connection.is_enabled) {
        return Err(codes::CONNECTION_DISABLED.with_message("Connection must be enabled."));
    }
    let is_verified = target.email_verified;
    let identity = target.identity_for(Kind::EmailVerification)?;
    let job = Job::new("verification_email", ids::prefixed("job"), ctx.now);
    let issue = if is_verified { None } else { Some(tickets::verification_mail(ctx)?.for_job(&job.job_id)) };
    let (db, tenant) = (ctx.db(), &ctx.tenant.id);
    store::create_verification_email(db, tenant, &identity, &job, issue.as_ref(), &ctx.author).await?;
    Ok(job)
}

/// A job, with its present status.
pub async fn fetch(ctx: &Context, id: &str) -> Result<Job> {
    store::fetch(ctx.db(), &ctx.tenant.id, id).await?.ok_or_else(|| codes::INEXISTENT_JOB.into())
}
