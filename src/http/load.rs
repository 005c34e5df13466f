//! Refuses what is too much, see [`crate::base::load`].

use actix_web::body::EitherBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{ResponseError, web};

use crate::app::App;
use crate::base::error::{Error, codes};

/// Wraps every request: refuses it with 503 and `Retry-After` when there are too many.
pub async fn limit<B>(
    app: web::Data<App>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    if let Some(_inside) = app.load.enter() {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    }
    let refusal = Error::from(codes::OVERLOADED).error_response();
    Ok(request.into_response(refusal).map_into_right_body())
}
