//! Erasure of the users of a deleted connection, in the background.
//!
//! The statement that deletes a connection queues its deletion in the same transaction, so it survives a
//! crash. A worker of any instance claims a deletion (`for update skip locked`), erases a batch of users with
//! their journal rows, and commits both together; a batch that is not committed is erased again. A deletion
//! with users left goes to the end of the queue, so that a large one does not delay small ones.
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
use crate::base::error::{Result, codes};
use crate::base::worker::Worker;
use crate::db::Db;
use crate::resources::connections;

/// Identities looked up in one run.
pub const BATCH: i64 = 500;
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

/// Erases a batch of the users of one deleted connection, of one tenant or of any. Whether a deletion was
/// due.
pub async fn erase_due(db: &Db, now: OffsetDateTime, tenant: Option<&str>) -> Result<bool> {
    let Some(mut claim) = store::claim(db, now, tenant).await? else { return Ok(false) };
    let erased = claim.erase(BATCH).await?;
    let age = now - claim.deletion.deleted_at;
    if erased > 0 {
        tracing::info!(
            tenant = claim.deletion.tenant_id,
            connection = claim.deletion.connection_id,
            users = erased,
            "erased users of a deleted connection"
        );
        claim.reschedule(now).await?;
    } else if age > KEPT {
        claim.forget().await?;
    } else {
        claim.reschedule(now + age.max(Duration::SECOND)).await?;
    }
    Ok(true)
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
