//! `/userinfo`.

use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse};

use crate::base::error::Error;
use crate::base::rate_limits::Limited;
use crate::http::cors::Sharing;
use crate::http::endpoint::endpoint;
use crate::http::render::json_value;
use crate::http::{Endpoint, Visitor};

pub fn routes() -> Vec<Endpoint> {
    [Method::GET, Method::POST]
        .map(|method| endpoint(method, "/userinfo", fetch).shared(Sharing::Listed))
        .into()
}

async fn fetch(visitor: Visitor, request: HttpRequest) -> Result<HttpResponse, Error> {
    visitor.limit(&request, Limited::Userinfo)?;
    let Some(token) = bearer(&request) else {
        return Ok(unauthorized("Bearer realm=\"Users\""));
    };
    Ok(match super::fetch(&visitor.context(None), token).await? {
        Some(claims) => json_value(200, &claims),
        None => unauthorized(
            "Bearer realm=\"Users\", error=\"invalid_token\", error_description=\"The access token is invalid, expired or without the scope openid\"",
        ),
    })
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let (scheme, token) = request.headers().get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// 401 with a plain text body, as recorded from Auth0.
fn unauthorized(challenge: &'static str) -> HttpResponse {
    HttpResponse::Unauthorized()
        .insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"))
        .insert_header((WWW_AUTHENTICATE, challenge))
        .body("Unauthorized")
}
