//! Cross-origin resource sharing (<https://fetch.spec.whatwg.org/#http-cors-protocol>): which responses the
//! scripts of other web pages may read.
//!
//! A page may read a response if a client of the tenant lists its origin in `allowed_origins`, `web_origins` or
//! `callbacks`. A preflight names no client, so any client of the tenant counts. The origins of a tenant are
//! cached together ([`crate::tenancy::Tenancy::origins`]): a page with another origin causes no query.
//!
//! Deviations and decisions:
//! - Keys and metadata of a tenant are public: every page may read them.
//! - Requests carry tokens in a header and no cookies, so credentials are never allowed, as Auth0 says on
//!   these endpoints.
//! - A preflight of another origin is answered without headers that allow anything, and the browser stops.

use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN,
};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};

use super::caller::{Visitor, app};
use super::log::TenantName;
use crate::base::error::Error;

/// Which pages may read the responses of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// All pages.
    Public,
    /// Pages whose origin a client lists.
    Listed,
    /// The same, for tokens of users: those with a `current_user` scope.
    ListedForUsers,
}

/// Added by the authorization of a request of a page: whether its token has a `current_user` scope.
#[derive(Clone, Copy, Debug)]
pub(super) struct IsTokenOfUser(pub(super) bool);

/// The headers that scripts may read beside those that every script may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After, ETag, Link, WWW-Authenticate, X-Request-Id",
);
/// Seconds that a browser may remember a preflight.
const MAX_AGE: HeaderValue = HeaderValue::from_static("3600");
/// The longest list of headers that a preflight can ask for.
const MAX_REQUEST_HEADERS: usize = 1024;

/// Whether a request is a preflight.
pub fn is_preflight(request: &HttpRequest) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(ORIGIN)
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The response to a preflight of a path with these methods.
pub async fn preflight(
    request: &HttpRequest,
    visitor: &Visitor,
    sharing: Sharing,
    methods: &str,
) -> Result<HttpResponse, Error> {
    let mut response = HttpResponse::NoContent().finish();
    if let Some(origin) = allowed_origin(request, &visitor.tenant.id, sharing).await? {
        let headers = response.headers_mut();
        allow(headers, origin);
        if let Ok(methods) = HeaderValue::from_str(methods) {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
        let asked = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS);
        let is_list = |list: &&HeaderValue| {
            let is_allowed = |b: &u8| b.is_ascii_alphanumeric() || b"-_, ".contains(b);
            list.len() <= MAX_REQUEST_HEADERS && list.as_bytes().iter().all(is_allowed)
        };
        if let Some(asked) = asked.filter(is_list) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
    Ok(response)
}

/// Adds the headers to a response that the page may read.
pub(super) async fn share<B>(response: &mut ServiceResponse<B>) {
    let request = response.request();
    let Some(sharing) = request.app_data::<Sharing>().copied() else { return };
    // Public responses have the header without a page too, because a cache has one copy for all pages.
    let is_of_page = sharing == Sharing::Public || request.headers().contains_key(ORIGIN);
    if !is_of_page || request.method() == Method::OPTIONS {
        return;
    }
    let (tenant, is_of_user) = {
        let extensions = request.extensions();
        let is_of_user = extensions.get::<IsTokenOfUser>().is_none_or(|token| token.0);
        (extensions.get::<TenantName>().cloned(), is_of_user)
    };
    let Some(TenantName(tenant)) = tenant else { return };
    if sharing == Sharing::ListedForUsers && !is_of_user {
        return;
    }
    // Without the database the response stays as it is, and the page cannot read it.
    if let Ok(Some(origin)) = allowed_origin(request, &tenant, sharing).await {
        let headers = response.headers_mut();
        allow(headers, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("false"));
}

/// The value of `Access-Control-Allow-Origin`; `None` for a page that may not read the response.
async fn allowed_origin(
    request: &HttpRequest,
    tenant: &str,
    sharing: Sharing,
) -> Result<Option<HeaderValue>, Error> {
    if sharing == Sharing::Public {
        return Ok(Some(HeaderValue::from_static("*")));
    }
    let Some(origin) = request.headers().get(ORIGIN) else { return Ok(None) };
    let Ok(text) = origin.to_str() else { return Ok(None) };
    let app = app(request)?;
    let origins = app.tenancy.origins(&app.db, tenant).await?;
    Ok(origins.contain(text).then(|| origin.clone()))
}
