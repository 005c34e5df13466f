//! Blocks of accounts after too many wrong passwords (see [`crate::resources::logins`]): who is blocked, and lifting it.
//!
//! | endpoint | scopes |
//! | --- | --- |
//! | `GET /api/v2/user-blocks/{id}` | `read:users` |
//! | `GET /api/v2/user-blocks?identifier=` | `read:users` |
//! | `DELETE /api/v2/user-blocks/{id}` | `update:users` |
//! | `DELETE /api/v2/user-blocks?identifier=` | `update:users` |
//!
//! An answer is `{"blocked_for": [{"identifier", "ip", "connection"}]}`, with the identifier as it was typed last. A
//! block without `ip` is for every address. With `consider_brute_force_enablement=true` blocks of connections that do
//! not count attempts any more are left out.
//!
//! Deviations and decisions: an unknown user is 404 by id; by identifier there may be blocks of what nobody has, so that
//! it is 200 or 204. Lifting blocks also forgets the attempts that have not led to one yet.

pub mod routes;
pub(crate) mod store;

use crate::app::Context;
use crate::base::error::{Result, codes};
use crate::base::ids::UserId;

/// Whose blocks.
#[derive(Debug)]
pub enum Account {
    /// A user's.
    User(UserId),
    /// Those of every user with this e-mail address, username or phone number, and of nobody with it.
    Identifier(String),
}

/// The blocks of an account as a JSON array.
pub async fn list(ctx: &Context, account: &Account, only_where_enabled: bool) -> Result<String> {
    let tenant = &ctx.tenant.id;
    match account {
        Account::Identifier(text) => {
            store::of_identifier(ctx.db(), tenant, &text.to_lowercase(), only_where_enabled).await
        }
        Account::User(id) => store::of_user(ctx.db(), tenant, id.as_str(), only_where_enabled)
            .await?
            .ok_or_else(|| codes::INEXISTENT_USER.into()),
    }
}

/// Lifts them.
pub async fn delete(ctx: &Context, account: &Account) -> Result<()> {
    let tenant = &ctx.tenant.id;
    let found = match account {
        Account::Identifier(text) => {
            store::lift_by_identifier(ctx.db(), tenant, &text.to_lowercase(), &ctx.author).await?;
            true
        }
        Account::User(id) => store::lift_by_user(ctx.db(), tenant, id.as_str(), &ctx.author).await?,
    };
    if found { Ok(()) } else { Err(codes::INEXISTENT_USER.into()) }
}
