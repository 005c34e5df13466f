//! Claims of the user of an access token (OIDC Core 1.0, 5.3): `GET` and `POST /userinfo`. The token needs
//! the scope `openid`; its other scopes select the claims. It ends with a block, the deletion or another password of the
//! user, as [`crate::auth`] describes.
//!
//! Deviation: `updated_at` is a text and not a number, as in Auth0's responses.

pub mod routes;
pub(crate) mod store;

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::app::Context;
use crate::auth::{has_scope, is_jwt};
use crate::base::error::Result;
use crate::base::fields::Fields;
use crate::oauth::opaque_token_digest;
use crate::resources::users;
use crate::resources::users::attributes::ATTRIBUTES;
use crate::resources::users::model::User;

/// The claims: the scope that gives one, its name, and the attribute it is taken from.
pub static CLAIMS: LazyLock<Vec<(&str, &str, &str)>> = LazyLock::new(|| {
    ATTRIBUTES.iter().filter_map(|a| a.claim.map(|(scope, claim)| (scope, claim, a.name))).collect()
});

/// The claims of a user that a scope selects, and `sub`.
pub fn claims(user: &User, scope: &str) -> Result<Map<String, Value>> {
    let document = user.document(&Fields::default())?;
    let document: Map<String, Value> =
        serde_json::from_str(&document).map_err(crate::base::error::Error::internal)?;
    let mut claims: Map<String, Value> = CLAIMS
        .iter()
        .filter(|(claim_scope, ..)| has_scope(scope, claim_scope))
        .filter_map(|(_, claim, attribute)| Some(((*claim).to_owned(), document.get(*attribute)?.clone())))
        .collect();
    claims.insert("sub".into(), user.user_id.clone().into());
    Ok(claims)
}

/// The claims of the user of an access token; `None` if the token is not valid for `/userinfo` or for the user.
pub async fn fetch(ctx: &Context, token: &str) -> Result<Option<Map<String, Value>>> {
    let subject = if is_jwt(token) {
        let claims = ctx.app.tokens.verify_for_userinfo(&ctx.tenant, token, ctx.now.unix_timestamp());
        claims.ok().map(|claims| (claims.sub.clone(), claims.scope.clone(), claims.issued_at()))
    } else {
        store::fetch_token(ctx.db(), &ctx.tenant.id, &opaque_token_digest(token)).await?
    };
    let Some((user_id, scope, issued_at)) = subject.filter(|(_, scope, _)| has_scope(scope, "openid")) else {
        return Ok(None);
    };
    let user = users::find(ctx, &user_id, Some(issued_at)).await?;
    user.map(|user| claims(&user, &scope)).transpose()
}
