//! Blocks of accounts after too many failed logins (see [`crate::resources::logins`]).
//!
//! | endpoint | scopes |
//! | --- | --- |
//! | `GET /api/v2/user-blocks/{id}` | `read:users` |
//! | `GET /api/v2/user-blocks?identifier=` | `read:users` |
//! | `DELETE /api/v2/user-blocks/{id}` | `update:users` |
//! | `DELETE /api/v2/user-blocks?identifier=` | `update:users` |
//!
//! An answer is `{"blocked_for": [{"identifier", "ip", "connection"}]}`, with the identifier of the last
//! attempt. A block without `ip` holds for all addresses. `consider_brute_force_enablement=true` leaves out
//! blocks of connections that no longer count attempts.
//!
//! Deviations and decisions: an unknown user id is 404. An identifier that no user has can be blocked too, so
//! a request by identifier is answered with 200 or 204. To delete blocks also deletes the failed attempts
//! that are not a block yet.

pub mod routes;
pub(crate) mod store;

use crate::app::Context;
use crate::base::error::{Result, codes};
use crate::base::ids::UserId;

/// The accounts of a request.
#[derive(Debug)]
pub enum Account {
    User(UserId),
    /// All users with this e-mail address, username or phone number, and the account of attempts that match
    /// no user.
    Identifier(String),
}

/// The blocks of an account as a JSON array.
pub async fn list(ctx: &Context, account: &Account, only_where_enabled: bool) -> Result<String> {
    let (db, tenant) = (ctx.db(), &ctx.tenant.id);
    match account {
        Account::Identifier(text) => {
            store::list_of_identifier(db, tenant, &text.to_lowercase(), only_where_enabled).await
        }
        Account::User(id) => store::list_of_user(db, tenant, id.as_str(), only_where_enabled)
            .await?
            .ok_or_else(|| codes::INEXISTENT_USER.into()),
    }
}

/// Deletes the blocks of an account.
pub async fn delete(ctx: &Context, account: &Account) -> Result<()> {
    let (db, tenant) = (ctx.db(), &ctx.tenant.id);
    match account {
        Account::Identifier(text) => {
            store::delete_of_identifier(db, tenant, &text.to_lowercase(), &ctx.author).await
        }
        Account::User(id) => {
            let user_exists = store::delete_of_user(db, tenant, id.as_str(), &ctx.author).await?;
            if user_exists { Ok(()) } else { Err(codes::INEXISTENT_USER.into()) }
        }
    }
}
