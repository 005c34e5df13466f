//! Erasure of the users of a deleted connection, in the background.
//!
//! The statement that deletes a connection queues its deletion in the same transaction, so it survives a
//! crash. A worker of any instance claims a deletion (`for update skip locked`), erases a batch of users with
//! their journal rows, and commits both together; a batch that is not committed is erased again. A deletion
//! with users left goes to the end of the queue, so that a large one does not delay small ones. A batch that
//! fails goes there with a growing pause and is repeated with fewer users; a single user that fails is left
//! out until all others are erased.
//!
//! `DELETE /api/v2/connections/{id}/users` (`delete:users`) erases one user of a connection by e-mail
//! address.
//!
//! Decisions:
//! - A user whose primary identity is in the connection is deleted with all identities, as by `DELETE
//!   /api/v2/users/{id}`. Any other user loses only the identity that is in it (`user.updated`, with the
//!   identities before and after).
//! - Until a user is erased, it is found by id and in lists of users, and its tokens still work at
//!   `/userinfo`. Logging in, signing up, setting a password and following a link there are rejected at once.
//! - The name is free as soon as no user is left under it, immediately if there were none; before that a
//!   connection of the same name is rejected (409), so that it never gets users of its predecessor.
//! - A tenant file with such a connection is applied after all of its users were erased, by the process that
//!   applies it.
//! - A signup in flight is rejected: a user is created only in the very connection that was looked up. An
//!   instance of an older version does not check that, so an ended deletion is run again, at growing
//!   intervals, for `KEPT`.
//! - `DELETE` of the same connection again is 202 with the same `deleted_at` while users are left and 204
//!   after that, as both were recorded.

pub mod routes;
pub(crate) mod store;

use std::sync::Arc;

use time::{Duration, OffsetDateTime};

use crate::app::{App, Context};
use crate::base::error::{Error, Result, codes};
use crate::base::worker::Worker;
use crate::db::Db;
use crate::resources::connections;
use store::Claim;

/// The most identities looked up in one run.
const MAX_BATCH_SIZE: i32 = 500;
/// The most users that are left out.
const MAX_SKIPPED: usize = 100;
/// The longest pause after failed runs.
const MAX_PAUSE: Duration = Duration::hours(1);
/// How long an ended deletion is run again: longer than a request can take.
const KEPT: Duration = Duration::minutes(10);

/// The worker that erases users.
pub struct Eraser(pub Arc<App>);

impl Worker for Eraser {
    const NAME: &'static str = "the users of deleted connections";

    async fn run(&mut self) -> Result<bool> {
        erase_due(&self.0.db, OffsetDateTime::now_utc(), None).await
    }
}

/// Erases a batch of the users of one deleted connection, of one tenant or of all. Whether a deletion was
/// due.
pub async fn erase_due(db: &Db, now: OffsetDateTime, tenant: Option<&str>) -> Result<bool> {
    let Some(mut claim) = store::claim(db, now, tenant).await? else { return Ok(false) };
    let user_ids = claim.find().await?;
    match claim.erase(&user_ids).await {
        Ok(erased) => end_run(claim, now, erased).await?,
        Err(error) => retry(db, claim, now, user_ids, &error).await?,
    }
    Ok(true)
}

async fn end_run(mut claim: Claim, now: OffsetDateTime, erased: i64) -> Result<()> {
    let deletion = &mut claim.deletion;
    let age = now - deletion.deleted_at;
    if erased > 0 {
        tracing::info!(
            tenant = deletion.tenant_id,
            connection = deletion.connection_id,
            users = erased,
            "erased users of a deleted connection"
        );
        (deletion.batch_size, deletion.failures) = ((deletion.batch_size * 2).min(MAX_BATCH_SIZE), 0);
        claim.reschedule(now).await
    } else if !deletion.skipped_users.is_empty() {
        deletion.skipped_users.clear();
        deletion.failures += 1;
        let pause = pause(deletion.failures);
        claim.reschedule(now + pause).await
    } else if age > KEPT {
        claim.forget().await
    } else {
        claim.reschedule(now + age.max(Duration::SECOND)).await
    }
}

/// Repeats a failed run later: with fewer users, or without the only one.
async fn retry(
    db: &Db,
    mut claim: Claim,
    now: OffsetDateTime,
    user_ids: Vec<String>,
    error: &Error,
) -> Result<()> {
    let deletion = &mut claim.deletion;
    deletion.failures += 1;
    if user_ids.len() > 1 {
        deletion.batch_size = (deletion.batch_size / 8).max(1);
    } else if deletion.skipped_users.len() < MAX_SKIPPED {
        deletion.skipped_users.extend(user_ids);
    }
    let pause = pause(deletion.failures);
    tracing::warn!(
        tenant = deletion.tenant_id,
        connection = deletion.connection_id,
        failures = deletion.failures,
        skipped = deletion.skipped_users.len(),
        error = %error,
        "users of a deleted connection could not be erased; the erasure is repeated in {pause}"
    );
    claim.postpone(db, now + pause).await
}

/// The pause after a number of failed runs in a row.
fn pause(failures: i32) -> Duration {
    Duration::seconds(1 << failures.clamp(0, 20)).min(MAX_PAUSE)
}

/// Erases the user with an e-mail address in a database connection. Succeeds without such a user.
pub async fn delete_user(ctx: &Context, connection_id: &str, email: &str) -> Result<()> {
    let connection = connections::fetch(ctx, connection_id).await?;
    if connection.strategy != connections::model::DATABASE {
        return Err(codes::NO_DATABASE_CONNECTION.into());
    }
    let email = email.to_lowercase();
    store::erase_by_email(ctx.db(), &ctx.tenant.id, &connection.name, &email, &ctx.author).await
}
