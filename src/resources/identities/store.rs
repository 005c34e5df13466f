use sqlx::Row;
use time::OffsetDateTime;

use crate::base::error::Error;
use crate::base::ids::UserId;
use crate::db::{Db, Statement};
use crate::journal::Author;
use crate::resources::users::model::OF_PROFILE_DATA;

pub(crate) const STATEMENTS: &[&Statement] = &[&LINK, &UNLINK];

// What is in the locked rows decides, not the table of identities as it was when the statement began: an identity that
// was linked to the secondary while its row was waited for moves along too, before the secondary is deleted.
static LINK: Statement = Statement::new("identities.link", include_str!("sql/link.sql"));

/// What linking came to.
#[derive(Debug)]
pub(crate) struct Linked {
    /// Was there a user to link to?
    pub has_primary: bool,
    /// Is the other user blocked?
    pub is_blocked: bool,
    /// Is there a connection of this provider (and id, if one was named)?
    pub is_configured: bool,
    /// Does the identity belong to a user as a secondary one already?
    pub is_taken: bool,
    /// JSON text; `None` if nothing was linked.
    pub identities: Option<String>,
}

pub(crate) async fn link(
    db: &Db,
    tenant: &str,
    primary: &UserId,
    secondary: &UserId,
    connection_id: Option<&str>,
    author: &Author,
) -> Result<Linked, Error> {
    let row = LINK
        .raw()
        .bind(tenant)
        .bind(primary.as_str())
        .bind(secondary.as_str())
        .bind(secondary.provider())
        .bind(secondary.identity())
        .bind(connection_id)
        .bind(OF_PROFILE_DATA)
        .bind(author.literal())
        .bind(author.literal())
        .fetch_one(db.pool())
        .await?;
    Ok(Linked {
        has_primary: row.try_get("has_primary")?,
        is_blocked: row.try_get("is_blocked")?,
        is_configured: row.try_get("is_configured")?,
        is_taken: row.try_get("is_taken")?,
        identities: row.try_get("identities")?,
    })
}

static UNLINK: Statement = Statement::new("identities.unlink", include_str!("sql/unlink.sql"));

/// What unlinking came to.
#[derive(Debug)]
pub(crate) struct Unlinked {
    /// Was the identity there?
    pub is_done: bool,
    /// JSON text.
    pub identities: String,
}

/// `None` if there is no such user.
pub(crate) async fn unlink(
    db: &Db,
    tenant: &str,
    primary: &UserId,
    provider: &str,
    identity: &str,
    now: OffsetDateTime,
    author: &Author,
) -> Result<Option<Unlinked>, Error> {
    let row = UNLINK
        .raw()
        .bind(tenant)
        .bind(primary.as_str())
        .bind(provider)
        .bind(identity)
        .bind(now)
        .bind(OF_PROFILE_DATA)
        .bind(author.literal())
        .bind(author.literal())
        .fetch_optional(db.pool())
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Unlinked { is_done: row.try_get("is_done")?, identities: row.try_get("identities")? }))
}
