//! Rejects requests above the limit of [`crate::base::load`].

use actix_web::body::EitherBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{ResponseError, web};

use crate::app::App;
use crate::base::error::{Error, codes};

/// Middleware of every request: 503 with `Retry-After` above the limit.
pub async fn limit<B>(
    app: web::Data<App>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    if let Some(_active) = app.load.admit() {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    }
    let response = Error::from(codes::OVERLOADED).error_response();
    Ok(request.into_response(response).map_into_right_body())
}
