//! Jobs: work that is asked for now and done later.
//!
//! | endpoint | scopes (any of) |
//! | --- | --- |
//! | `POST /api/v2/jobs/verification-email` | `update:users` |
//! | `GET /api/v2/jobs/{id}` | `create:users`, `read:users` |
//!
//! The job of a verification mail is completed when a mail server has taken the mail, and failed when the mail was given
//! up, or at once when the address is verified already, as a recorded job was.
//!
//! Decisions: an unknown user is 404; a `client_id` must be one of the tenant; `organization_id` is refused, because
//! no user is a member of one.

pub mod model;
pub mod routes;
pub(crate) mod store;

use crate::app::Context;
use crate::base::error::{Result, codes};
use crate::base::ids;
use crate::resources::tickets::{self, model::Kind};
use model::{Job, VerificationEmail};

/// Sends a user a verification mail.
pub async fn send_verification_email(ctx: &Context, request: VerificationEmail) -> Result<Job> {
    let VerificationEmail { user_id, identity, client_id } = request;
    let target = tickets::of_user(ctx, &user_id, identity.as_ref(), client_id.as_deref()).await?;
    let target = target.ok_or(codes::INEXISTENT_USER)?;
    if target.connection.as_ref().is_some_and(|connection| !connection.is_enabled) {
        return Err(codes::CONNECTION_DISABLED.because("Connection must be enabled."));
    }
    let verified = target.email_verified;
    let identity = tickets::identity_with_address(Kind::EmailVerification, target)?;
    let job = Job::new("verification_email", ids::prefixed("job"), ctx.now);
    let issue = if verified { None } else { Some(tickets::verification_mail(ctx)?.for_job(&job.job_id)) };
    store::verification_email(ctx.db(), &ctx.tenant.id, &identity, &job, issue.as_ref(), &ctx.author).await?;
    Ok(job)
}

/// A job as it stands.
pub async fn fetch(ctx: &Context, id: &str) -> Result<Job> {
    store::fetch(ctx.db(), &ctx.tenant.id, id).await?.ok_or_else(|| codes::INEXISTENT_JOB.into())
}
