//! How a limit of requests is told ([`crate::base::rate_limits`]): in the Management API on what succeeds and on the refusal, as
//! recorded, elsewhere on every answer.

use actix_web::dev::ServiceResponse;
use actix_web::http::header::{HeaderName, RETRY_AFTER};
use actix_web::{HttpMessage, HttpRequest};

use crate::app::App;
use crate::base::error::{Error, codes};
use crate::base::rate_limits::{Judged, Limited};
use crate::tenancy::Tenant;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// What became of a request, for its answer.
#[derive(Clone, Copy)]
struct Told(Limited, Judged);

/// Counts a request of a caller; 429 if it is one too many.
pub fn judge(
    request: &HttpRequest,
    (app, tenant): (&App, &Tenant),
    what: Limited,
    caller: impl FnOnce() -> String,
) -> Result<(), Error> {
    let Some(judged) = app.buckets.judge((&tenant.id, &tenant.rate_limits), what, caller) else {
        return Ok(());
    };
    request.extensions_mut().insert(Told(what, judged));
    if judged.allowed { Ok(()) } else { Err(codes::TOO_MANY_REQUESTS.into()) }
}

/// Writes the headers of an answer to a request that was counted.
pub fn tell<B>(response: &mut ServiceResponse<B>) {
    let told = response.request().extensions().get::<Told>().copied();
    let Some(Told(what, judged)) = told else { return };
    if what == Limited::ManagementApi && judged.allowed && response.status().as_u16() >= 400 {
        return;
    }
    let headers = response.headers_mut();
    headers.insert(LIMIT, judged.limit.into());
    headers.insert(REMAINING, judged.remaining.into());
    headers.insert(RESET, judged.reset.into());
    if !judged.allowed {
        headers.insert(RETRY_AFTER, judged.retry_after.into());
    }
}
