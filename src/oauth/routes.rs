//! The endpoints of the authorization server.

use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::client_authentication::ClientProof;
use super::grants::client_credentials::{CLIENT_CREDENTIALS, ClientCredentials, client_credentials};
use super::grants::password::{self, PasswordGrant};
use super::{OAuthError, assertion, discovery};
use crate::base::error::Error;
use crate::base::json::{Object, type_name};
use crate::base::rate_limits::Limited;
use crate::http::endpoint::endpoint;
use crate::http::render::{error_response, json_value, not_stored};
use crate::http::{Body, Endpoint, Visitor};

/// The routes of the authorization server.
pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/oauth/token", token),
        endpoint(Method::GET, "/.well-known/jwks.json", jwks),
        endpoint(Method::GET, "/.well-known/openid-configuration", openid_configuration),
    ]
}

async fn token(visitor: Visitor, request: HttpRequest, body: Body) -> Result<HttpResponse, OAuthError> {
    visitor.limit(&request, Limited::Token)?;
    let body = body.read().await?;
    let body = body.object()?;
    match text(&body, "grant_type")?.as_deref() {
        None => Err(OAuthError::missing("grant_type")),
        Some(grant_type @ (password::PASSWORD | password::PASSWORD_REALM)) => {
            let asked = person(&body, &request, grant_type)?;
            let host = visitor.host.clone();
            let answer = password::password(&visitor.context(Some(&asked.client_id)), &host, asked).await?;
            Ok(not_stored(json_value(200, &answer)))
        }
        Some(CLIENT_CREDENTIALS) => {
            let asked = credentials(&body, &request)?;
            let Visitor { app, tenant, host, now, .. } = visitor;
            let answer =
                client_credentials(&app.db, &app.vault, &tenant, &host, &asked, now.unix_timestamp()).await?;
            Ok(not_stored(json_value(200, &answer)))
        }
        Some(other) => {
            let shown: String = other.chars().take(100).collect();
            Err(OAuthError::new(403, "unsupported_grant_type", format!("Unsupported grant type: {shown}")))
        }
    }
}

/// Who asks: the client in the body, or by HTTP Basic (RFC 6749, 2.3.1), or by an assertion (RFC 7523, 2.2).
fn client(body: &Object<'_>, request: &HttpRequest) -> Result<(String, ClientProof), OAuthError> {
    if text(body, "organization")?.is_some_and(|organization| !organization.is_empty()) {
        return Err(OAuthError::new(
            400,
            "invalid_request",
            "Organizations are not supported. Leave the parameter organization out.",
        ));
    }
    let invalid = |description| OAuthError::new(400, "invalid_request", description);
    let missing = || OAuthError::missing("client_id");
    let (client_id, secret) = (text(body, "client_id")?, text(body, "client_secret")?);
    match (basic(request)?, text(body, "client_assertion")?) {
        (Some((client_id, secret)), None) => Ok((client_id, ClientProof::Secret(secret))),
        (None, None) => {
            Ok((client_id.ok_or_else(missing)?, secret.map_or(ClientProof::Nothing, ClientProof::Secret)))
        }
        (None, Some(assertion)) if secret.is_none() => {
            if text(body, "client_assertion_type")?.as_deref() != Some(assertion::TYPE) {
                return Err(invalid(format!("client_assertion_type must be {}", assertion::TYPE)));
            }
            let client_id = client_id.or_else(|| assertion::subject(&assertion)).ok_or_else(missing)?;
            Ok((client_id, ClientProof::Assertion(assertion)))
        }
        _ => Err(invalid("A client can authenticate in one way only".into())),
    }
}

fn person(body: &Object<'_>, request: &HttpRequest, grant_type: &str) -> Result<PasswordGrant, OAuthError> {
    let (client_id, proof) = client(body, request)?;
    let optional = |name| Ok::<_, OAuthError>(text(body, name)?.filter(|text| !text.is_empty()));
    let needed = |name| optional(name)?.ok_or_else(|| OAuthError::missing(name));
    let realm = (grant_type == password::PASSWORD_REALM).then(|| needed("realm")).transpose()?;
    Ok(PasswordGrant {
        client_id,
        proof,
        realm,
        username: needed("username")?,
        password: needed("password")?,
        audience: optional("audience")?,
        scope: scope(body)?,
    })
}

fn credentials(body: &Object<'_>, request: &HttpRequest) -> Result<ClientCredentials, OAuthError> {
    let (client_id, proof) = client(body, request)?;
    Ok(ClientCredentials {
        client_id,
        proof,
        audience: text(body, "audience")?.filter(|audience| !audience.is_empty()),
        scope: scope(body)?,
    })
}

/// A parameter that is a text. Null is as good as absent: Python's SDK sends it for what it was not given.
fn text(body: &Object<'_>, name: &str) -> Result<Option<String>, OAuthError> {
    match body.get(name).map(|value| (type_name(value), value)) {
        None | Some(("null", _)) => Ok(None),
        Some(("string", value)) => Ok(serde_json::from_str(value.get()).ok()),
        Some((other, _)) => Err(OAuthError::new(
            400,
            "invalid_request",
            format!("Parameter {name} must be a string, found {other}"),
        )),
    }
}

fn scope(body: &Object<'_>) -> Result<String, OAuthError> {
    let wrong = || OAuthError::new(400, "invalid_scope", "Scope must be an array or a string");
    match body.get("scope").map(|value| (type_name(value), value)) {
        Some(("array", value)) => {
            serde_json::from_str::<Vec<String>>(value.get()).map(|s| s.join(" ")).map_err(|_| wrong())
        }
        Some(("object" | "integer" | "number" | "boolean", _)) => Err(wrong()),
        _ => Ok(text(body, "scope")?.unwrap_or_default()),
    }
}

fn basic(request: &HttpRequest) -> Result<Option<(String, String)>, OAuthError> {
    let Some(header) = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
        return Ok(None);
    };
    let Some((scheme, encoded)) = header.split_once(' ') else { return Ok(None) };
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    let decoded = STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let pair =
        decoded.as_deref().and_then(|text| text.split_once(':')).ok_or_else(OAuthError::unauthorized)?;
    let part = |text: &str| {
        percent_decode_str(text)
            .decode_utf8()
            .ok()
            .filter(|t| !t.contains('\0'))
            .map(std::borrow::Cow::into_owned)
    };
    Ok(Some((
        part(pair.0).ok_or_else(OAuthError::unauthorized)?,
        part(pair.1).ok_or_else(OAuthError::unauthorized)?,
    )))
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
        not_stored(error_response(self.status, &body, self.cause.as_ref()))
    }
}
