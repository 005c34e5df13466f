//! The statements that link and unlink identities.
//!
//! Tables: `users`, `identities` and `journal`; `connections` is read. Triggers keep `user_terms` and
//! `user_counts`. Other writers of identities: `users` and `users::erasure`.
//!
//! Locks: the users concerned, in the order of their ids (`for update`).

use time::OffsetDateTime;

use crate::base::error::Error;
use crate::base::ids::UserId;
use crate::db::{Db, Statement};
use crate::journal::Author;
use crate::resources::users::attributes;

pub(crate) const STATEMENTS: &[&Statement] = &[&LINK, &UNLINK];

/// The outcome of linking.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Linked {
    /// The primary user exists.
    pub has_primary: bool,
    /// The secondary user is blocked.
    pub is_blocked: bool,
    /// The token that proves the secondary is not valid any more.
    pub is_proof_invalid: bool,
    /// A connection of the provider, and of the id if one was named, exists.
    pub is_configured: bool,
    /// The identity belongs to a user as a secondary one already.
    pub is_taken: bool,
    /// The identities of the primary as JSON text; `None` if nothing was linked.
    pub identities: Option<String>,
}

static LINK: Statement = Statement::new("identities.link", include_str!("sql/link.sql"));

/// Two users to link.
pub(crate) struct Link<'a> {
    pub primary: &'a UserId,
    /// The time of issue of the primary's own token.
    pub issued_at: Option<OffsetDateTime>,
    pub secondary: &'a UserId,
    /// The connection the secondary has to be in.
    pub connection_id: Option<&'a str>,
    /// The time of issue of the token that proves the secondary.
    pub proven_at: Option<OffsetDateTime>,
}

pub(crate) async fn link(db: &Db, tenant: &str, link: &Link<'_>, author: &Author) -> Result<Linked, Error> {
    let query = LINK
        .bind("tenant_id", tenant)
        .bind("user_id", link.primary.as_str())
        .bind("secondary_id", link.secondary.as_str())
        .bind("provider", link.secondary.provider())
        .bind("identity_id", link.secondary.identity())
        .bind("connection_id", link.connection_id)
        .bind("profile_data", attributes::profile_data())
        .bind("author", author.literal())
        .bind("issued_at", link.issued_at)
        .bind("secondary_issued_at", link.proven_at);
    Ok(query.fetch_one(db).await?)
}

/// The outcome of unlinking.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Unlinked {
    /// The user had the identity.
    pub is_done: bool,
    /// The identities that are left, as JSON text.
    pub identities: String,
}

static UNLINK: Statement = Statement::new("identities.unlink", include_str!("sql/unlink.sql"));

/// `None` without such a user, or if the user's own token, issued at `issued_at`, is not valid.
pub(crate) async fn unlink(
    db: &Db,
    tenant: &str,
    primary: &UserId,
    issued_at: Option<OffsetDateTime>,
    identity: &UserId,
    created_at: OffsetDateTime,
    author: &Author,
) -> Result<Option<Unlinked>, Error> {
    let query = UNLINK
        .bind("tenant_id", tenant)
        .bind("user_id", primary.as_str())
        .bind("provider", identity.provider())
        .bind("identity_id", identity.identity())
        .bind("created_at", created_at)
        .bind("profile_data", attributes::profile_data())
        .bind("author", author.literal())
        .bind("issued_at", issued_at);
    Ok(query.fetch_optional(db).await?)
}
