//! Responses in the shapes of Auth0's API.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE,
};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;
use serde_json::json;

use crate::base::error::{Error, codes};

const JSON: &str = "application/json; charset=utf-8";

/// A response of JSON text.
pub fn json_text(status: u16, text: String) -> HttpResponse {
    builder(status).insert_header((CONTENT_TYPE, JSON)).body(text)
}

/// A JSON response.
pub fn json_value(status: u16, value: &impl Serialize) -> HttpResponse {
    match serde_json::to_string(value) {
        Ok(text) => json_text(status, text),
        Err(error) => Error::internal(error).error_response(),
    }
}

/// 204 in Auth0's form: without a body, but with a content type.
pub fn no_content() -> HttpResponse {
    builder(204).insert_header((CONTENT_TYPE, JSON)).finish()
}

/// Adds an entity tag.
pub fn tagged(mut response: HttpResponse, etag: &str) -> HttpResponse {
    if let Ok(value) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(ETAG, value);
    }
    response
}

fn builder(status: u16) -> HttpResponseBuilder {
    HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
}

/// The `error` of a response body: the reason phrase of the status.
pub(super) fn reason(status: u16) -> &'static str {
    match status {
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        _ => StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Error"),
    }
}

/// The body of an error response of the Management API.
pub(super) fn error_body(error: &Error) -> String {
    let status = error.kind.status;
    let mut body = json!({ "statusCode": status, "error": reason(status), "message": error.message });
    if let Some(code) = error.kind.code {
        body["errorCode"] = json!(code);
    }
    if status == 401 && error.kind != codes::MISSING_AUTHENTICATION {
        body["attributes"] = json!({ "error": error.message });
    }
    body.to_string()
}

/// The internal cause of an error response, for the log line of the request.
#[derive(Clone, Debug)]
pub struct Cause(pub String);

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.kind.status;
        let mut builder = builder(status);
        builder.insert_header((CONTENT_TYPE, JSON));
        match status {
            401 => builder.insert_header((WWW_AUTHENTICATE, "Bearer")),
            503 => builder.insert_header((RETRY_AFTER, "1")),
            _ => &mut builder,
        };
        let mut response = builder.body(error_body(self));
        if let Some(cause) = &self.cause {
            response.extensions_mut().insert(Cause(cause.clone()));
        }
        match &self.etag {
            Some(etag) => tagged(response, etag),
            None => response,
        }
    }
}

/// An error response in another form than the Management API's, with its cause for the log line of the
/// request.
pub fn error_response(status: u16, body: &impl Serialize, cause: Option<&String>) -> HttpResponse {
    let mut response = json_value(status, body);
    if status == 503 {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if let Some(cause) = cause {
        response.extensions_mut().insert(Cause(cause.clone()));
    }
    response
}

/// Forbids caches to store a response (RFC 6749, 5.1).
pub fn not_stored(mut response: HttpResponse) -> HttpResponse {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
