//! Who somebody is, for a client that they logged in to (OIDC Core 1.0, 5.3): `GET` and `POST /userinfo` with
//! an access token that has the scope `openid`. The other scopes choose the claims.
//!
//! Deviation: `updated_at` is a text and not a number, as Auth0 answers it.

pub mod routes;
pub(crate) mod store;

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::app::Context;
use crate::auth::is_jwt;
use crate::base::error::Result;
use crate::base::fields::Fields;
use crate::oauth::grants::password;
use crate::resources::users;
use crate::resources::users::attributes::ATTRIBUTES;
use crate::resources::users::model::User;

/// The claims: the scope that gives one, its name, and the attribute it is taken from.
pub static CLAIMS: LazyLock<Vec<(&str, &str, &str)>> = LazyLock::new(|| {
    ATTRIBUTES.iter().filter_map(|a| a.claim.map(|(scope, claim)| (scope, claim, a.name))).collect()
});

/// What a scope tells of a user, `sub` always.
pub fn claims(user: &User, scope: &str) -> Result<Map<String, Value>> {
    let document = user.document(&Fields::default())?;
    let document: Map<String, Value> =
        serde_json::from_str(&document).map_err(crate::base::error::Error::internal)?;
    let given = |wanted: &str| scope.split(' ').any(|scope| scope == wanted);
    let mut claims: Map<String, Value> = CLAIMS
        .iter()
        .filter(|(scope, ..)| given(scope))
        .filter_map(|(_, claim, attribute)| Some(((*claim).to_owned(), document.get(*attribute)?.clone())))
        .collect();
    claims.insert("sub".into(), user.user_id.clone().into());
    Ok(claims)
}

/// The claims of whom a token was issued to; `None` if the token is not to be believed or not for this.
pub async fn fetch(ctx: &Context, token: &str) -> Result<Option<Map<String, Value>>> {
    let known = if is_jwt(token) {
        let verified = ctx.app.tokens.verify_for_userinfo(&ctx.tenant, token, ctx.now.unix_timestamp());
        let Ok(of) = verified else { return Ok(None) };
        users::find(ctx, &of.sub).await?.map(|user| (user, of.scope.clone()))
    } else {
        store::of_token(ctx.db(), &ctx.tenant.id, &password::digest(token)).await?
    };
    let known =
        known.filter(|(user, scope)| !user.is_blocked() && scope.split(' ').any(|scope| scope == "openid"));
    known.map(|(user, scope)| claims(&user, &scope)).transpose()
}
