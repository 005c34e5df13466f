//! The endpoints that people reach by an application's own pages.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use super::{PasswordChange, Refusal};
use crate::http::endpoint::endpoint;
use crate::http::render::{Cause, json_value};
use crate::http::{Body, Endpoint, Visitor};

/// The routes of database connections.
pub fn routes() -> Vec<Endpoint> {
    vec![endpoint(Method::POST, "/dbconnections/change_password", change_password)]
}

async fn change_password(visitor: Visitor, body: Body) -> Result<HttpResponse, Refusal> {
    let body = body.read().await?;
    super::change_password(&visitor, &PasswordChange::read(&body.object()?)?).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .body("We've just sent you an email to reset your password."))
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.description)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let name = if self.status < 500 { "BadRequestError" } else { "InternalServerError" };
        let mut response = json_value(
            self.status,
            &json!({ "name": name, "code": self.code, "description": self.description, "statusCode": self.status }),
        );
        if let Some(cause) = &self.cause {
            response.extensions_mut().insert(Cause(cause.clone()));
        }
        response
    }
}
