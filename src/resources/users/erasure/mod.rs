//! What a connection leaves behind: its users, erased in the background.
//!
//! The statement that deletes a connection queues this work in the same transaction, so it survives whatever happens to
//! the program. A worker of any instance claims a deletion (`for update skip locked`), erases a batch of users with
//! their journal rows, and commits both together: what was not committed is still to be done. A deletion with more to do
//! goes to the end of the queue, so that a large one keeps no small one waiting.
//!
//! Decisions:
//! - A user whose main identity is in the connection goes, with all identities, as by `DELETE /api/v2/users/{id}`. Of
//!   any other user only the identity that is in it goes (`user.updated`, with the identities before and after).
//! - Until a user's turn comes, it is found by id and in lists of users, and tokens it was given before still tell who
//!   it is. Nobody can log in, sign up, set a password or follow a link there.
//! - The name is free as soon as no user is left under it, at once where there were none; before that a connection of
//!   the same name is refused (409), so that it never gets users of its predecessor.
//! - A tenant file that has such a connection is applied after all of its users were erased, by whoever applies it.
//! - Someone who is signing up at that moment is refused: a user is made only in the very connection that was looked up.
//!   An instance of an older version does not ask for that, so an ended deletion is looked at again, at growing intervals,
//!   and forgotten after [`KEPT`].
//! - `DELETE` of the same connection again is 202 with the same `deleted_at` while users are left and 204 after that, as
//!   both were recorded.

pub mod routes;
pub(crate) mod store;

use std::sync::Arc;

use time::{Duration, OffsetDateTime};

use crate::app::{App, Context};
use crate::base::error::{Result, codes};
use crate::base::worker::Rounds;
use crate::db::Db;
use crate::resources::connections;

/// How many users are erased at once.
pub const BATCH: i64 = 500;
/// How long a deletion is looked at again: longer than a request can take.
const KEPT: Duration = Duration::minutes(10);

/// The work of one worker.
pub struct Eraser(pub Arc<App>);

impl Rounds for Eraser {
    const NAME: &'static str = "the users of deleted connections";

    async fn round(&mut self) -> Result<bool> {
        erase_due(&self.0.db, OffsetDateTime::now_utc(), None).await
    }
}

/// Erases a batch of the users of one deleted connection, of one tenant or of all. Whether a deletion was due.
pub async fn erase_due(db: &Db, now: OffsetDateTime, only: Option<&str>) -> Result<bool> {
    let Some(mut claim) = store::claim(db, now, only).await? else { return Ok(false) };
    let erased = claim.erase(BATCH).await?;
    let age = now - claim.deleted_at;
    if erased > 0 {
        tracing::info!(
            tenant = claim.tenant_id,
            connection = claim.connection_id,
            users = erased,
            "erased users of a deleted connection"
        );
        claim.put_back(now).await?;
    } else if age > KEPT {
        claim.forget().await?;
    } else {
        claim.put_back(now + age.max(Duration::SECOND)).await?;
    }
    Ok(true)
}

/// Deletes the user with an e-mail address in a database connection. Succeeds without such a user.
pub async fn delete_user(ctx: &Context, connection_id: &str, email: &str) -> Result<()> {
    let connection = connections::fetch(ctx, connection_id).await?;
    if connection.strategy != connections::model::DATABASE {
        return Err(codes::NO_DATABASE_CONNECTION.into());
    }
    let email = email.to_lowercase();
    store::erase_by_email(ctx.db(), &ctx.tenant.id, &connection.name, &email, &ctx.author).await
}
