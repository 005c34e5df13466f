//! Headers of all responses: caching, and what browsers are told about the server.

use std::rc::Rc;

use actix_web::HttpRequest;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, HOST, HeaderValue, STRICT_TRANSPORT_SECURITY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::uri::Authority;

use super::connection::Peer;
use super::cors::Sharing;
use super::log::Route;
use crate::tenancy::is_of_this_machine;

/// The value that Auth0 sends with every response that is not meant for caches.
const NOT_CACHED: HeaderValue =
    HeaderValue::from_static("private, no-store, no-cache, must-revalidate, post-check=0, pre-check=0");
/// Public keys and metadata of a tenant: a rotated key is known to all caches after seconds.
const CACHED: HeaderValue =
    HeaderValue::from_static("public, max-age=15, stale-while-revalidate=15, stale-if-error=86400");
/// Responses that depend on the origin of the page. Auth0 names both headers on every response of such an
/// endpoint.
const BY_ORIGIN: HeaderValue = HeaderValue::from_static("origin,accept-encoding");
/// One year, as Auth0 sends it.
const ONLY_HTTPS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Writes the headers of a response. Responses contain secrets and personal data unless their route is public, so
/// caches keep none of the others.
pub fn write<B>(response: &mut ServiceResponse<B>) {
    let request = response.request();
    let sharing = request.app_data::<Sharing>().copied();
    let is_management = request.app_data::<Route>().is_some_and(|route| route.0.starts_with("/api/v2/"));
    let is_secure = request.conn_data::<Rc<Peer>>().is_some_and(|peer| peer.secure);
    let is_https = is_secure && !is_local(request);
    let is_fresh = [StatusCode::OK, StatusCode::NOT_MODIFIED].contains(&response.status());
    let cache = if sharing == Some(Sharing::Public) && is_fresh { CACHED } else { NOT_CACHED };
    let headers = response.headers_mut();
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, cache);
    }
    if is_management || sharing.is_some_and(|sharing| sharing != Sharing::Public) {
        headers.insert(VARY, BY_ORIGIN);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if is_https {
        headers.insert(STRICT_TRANSPORT_SECURITY, ONLY_HTTPS);
    }
}

/// Whether the host of a request is this machine. A browser would apply the header to every server on it.
fn is_local(request: &HttpRequest) -> bool {
    let header = || request.headers().get(HOST).and_then(|value| value.to_str().ok());
    let authority = request.uri().authority().map(Authority::as_str);
    authority.or_else(header).is_some_and(is_of_this_machine)
}
