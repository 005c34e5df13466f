//! `/oauth/token`, `/.well-known/jwks.json` and `/.well-known/openid-configuration`.

use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde_json::json;

use super::client_authentication::ClaimedClient;
use super::grants::{GrantType, TokenRequest};
use super::parameters::Parameters;
use super::{OAuthError, discovery};
use crate::base::error::Error;
use crate::base::rate_limits::Limited;
use crate::http::cors::Sharing;
use crate::http::endpoint::endpoint;
use crate::http::render::{error_response, json_value, not_stored};
use crate::http::{Body, Endpoint, Visitor};

pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/oauth/token", token).shared(Sharing::Listed),
        endpoint(Method::GET, "/.well-known/jwks.json", jwks).shared(Sharing::Public),
        endpoint(Method::GET, "/.well-known/openid-configuration", openid_configuration)
            .shared(Sharing::Public),
    ]
}

async fn token(visitor: Visitor, request: HttpRequest, body: Body) -> Result<HttpResponse, OAuthError> {
    visitor.limit(&request, Limited::Token)?;
    let body = body.read().await?;
    let body = body.object()?;
    let parameters = Parameters(&body);
    let name = parameters.text("grant_type")?.ok_or_else(|| OAuthError::missing("grant_type"))?;
    let grant_type = GrantType::find(&name)?;
    let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let client = ClaimedClient::read(&parameters, authorization)?;
    let ctx = visitor.context(Some(&client.id));
    let response = (grant_type.issue)(&ctx, &TokenRequest { grant_type, client, parameters }).await?;
    Ok(not_stored(json_value(200, &response)))
}

async fn jwks(visitor: Visitor) -> Result<HttpResponse, Error> {
    Ok(json_value(200, &json!({ "keys": visitor.tenant.jwks() })))
}

async fn openid_configuration(visitor: Visitor) -> Result<HttpResponse, Error> {
    Ok(json_value(200, &discovery::configuration(&visitor.host)))
}

impl ResponseError for OAuthError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let body = json!({ "error": self.error, "error_description": self.description });
        error_response(self.status, &body, self.cause.as_ref())
    }
}
