//! Rate limits of requests ([`crate::base::rate_limits`]) and their headers. The Management API has the headers on
//! successful responses and on 429, as recorded from Auth0; the other endpoints have them on every response.

use actix_web::dev::ServiceResponse;
use actix_web::http::header::{HeaderName, RETRY_AFTER};
use actix_web::{HttpMessage, HttpRequest};

use crate::app::App;
use crate::base::error::{Error, codes};
use crate::base::rate_limits::{Decision, Limited};
use crate::tenancy::Tenant;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The outcome of a counted request, for its response.
#[derive(Clone, Copy)]
struct Counted(Limited, Decision);

/// Counts a request of a caller; 429 above the limit.
pub fn count(
    request: &HttpRequest,
    (app, tenant): (&App, &Tenant),
    what: Limited,
    caller: impl FnOnce() -> String,
) -> Result<(), Error> {
    let Some(decision) = app.buckets.count((&tenant.id, &tenant.rate_limits), what, caller) else {
        return Ok(());
    };
    request.extensions_mut().insert(Counted(what, decision));
    if decision.allowed { Ok(()) } else { Err(codes::TOO_MANY_REQUESTS.into()) }
}

/// Writes the headers of the response to a counted request.
pub fn write_headers<B>(response: &mut ServiceResponse<B>) {
    let counted = response.request().extensions().get::<Counted>().copied();
    let Some(Counted(what, decision)) = counted else { return };
    if what == Limited::ManagementApi && decision.allowed && response.status().as_u16() >= 400 {
        return;
    }
    let headers = response.headers_mut();
    headers.insert(LIMIT, decision.limit.into());
    headers.insert(REMAINING, decision.remaining.into());
    headers.insert(RESET, decision.reset.into());
    if !decision.allowed {
        headers.insert(RETRY_AFTER, decision.retry_after.into());
    }
}
