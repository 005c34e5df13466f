//! A log line for each request, and the request's id.

use std::sync::Arc;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};
use uuid::Uuid;

use super::render::Cause;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: a valid `X-Request-Id`, or a new UUID.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// The tenant of a request, after it is found.
#[derive(Clone, Debug)]
pub struct TenantName(pub Arc<str>);

/// The path of a route, with `{parameters}`. It is data of the actix resource, which saves a second search of
/// the router.
#[derive(Clone, Copy, Debug)]
pub struct Route(pub &'static str);

/// Middleware of every request: the request's id, the log line, and the headers of all responses. The line
/// contains no body, query string or header, because they contain secrets and addresses.
pub async fn line<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let started = Instant::now();
    let sent = request.headers().get(&X_REQUEST_ID).and_then(|v| v.to_str().ok());
    let is_valid = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
    };
    let id = sent.filter(is_valid).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.call(request).await?;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    super::rate_limit::write_headers(&mut response);
    super::headers::write(&mut response);
    super::cors::share(&mut response).await;
    let (method, status) = (response.request().method().as_str(), response.status().as_u16());
    let route = response.request().app_data::<Route>().map_or("-", |route| route.0);
    let tenant = response
        .request()
        .extensions()
        .get::<TenantName>()
        .map_or_else(|| Arc::from("-"), |t| Arc::clone(&t.0));
    let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
    match response.response().extensions().get::<Cause>() {
        Some(Cause(cause)) if status >= 500 => {
            tracing::error!(
                method,
                route,
                status,
                duration_ms,
                request_id = id,
                tenant = &*tenant,
                cause,
                "request"
            );
        }
        // Health checks come every few seconds.
        _ if status < 400 && route.starts_with("/health/") => {
            tracing::debug!(method, route, status, duration_ms, request_id = id, "request");
        }
        _ => {
            tracing::info!(method, route, status, duration_ms, request_id = id, tenant = &*tenant, "request");
        }
    }
    Ok(response)
}
