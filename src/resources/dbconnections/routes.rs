//! The endpoints for users of database connections.

use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, ResponseError};

use super::model::{PasswordChange, Signup, SignupError, answer};
use crate::base::rate_limits::Limited;
use crate::http::cors::Sharing;
use crate::http::endpoint::endpoint;
use crate::http::render::{error_response, json_value};
use crate::http::{Body, Endpoint, Visitor};

pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/dbconnections/signup", signup).shared(Sharing::Listed),
        endpoint(Method::POST, "/dbconnections/change_password", change_password).shared(Sharing::Listed),
    ]
}

async fn signup(visitor: Visitor, request: HttpRequest, body: Body) -> Result<HttpResponse, SignupError> {
    visitor.limit(&request, Limited::Signup)?;
    let body = body.read().await?;
    let signup = Signup::read(&body.object()?)?;
    let ctx = visitor.context(Some(&signup.client_id));
    let user = super::signup(&ctx, signup).await?;
    Ok(json_value(200, &answer(&user)?))
}

async fn change_password(
    visitor: Visitor,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, SignupError> {
    visitor.limit(&request, Limited::ChangePassword)?;
    let body = body.read().await?;
    let change = PasswordChange::read(&body.object()?)?;
    super::change_password(&visitor.context(None), &change).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .body("We've just sent you an email to reset your password."))
}

impl ResponseError for SignupError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        error_response(self.status, &self.body, self.cause.as_ref())
    }
}
