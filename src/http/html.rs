//! Pages as responses, and errors as pages where a browser asks for a page.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::render::reason;
use crate::base::html::{Page, escape};

/// The paths of pages; errors at other paths are JSON.
#[derive(Clone, Debug)]
pub struct Pages(pub Vec<&'static str>);

/// The response with a page.
pub fn page(page: Page) -> HttpResponse {
    HttpResponse::build(StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_SECURITY_POLICY, page.policy))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((X_FRAME_OPTIONS, "DENY"))
        .body(page.html)
}

/// Whether the response to a request is a page, also if it is an error.
pub(super) fn is_wanted(request: &HttpRequest) -> bool {
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let accepts =
        accept.split(',').any(|range| range.split(';').next().is_some_and(|r| r.trim() == "text/html"));
    accepts && request.app_data::<Pages>().is_some_and(|pages| pages.0.contains(&request.path()))
}

/// Whether a response is an error in JSON.
pub(super) fn is_json_error(status: StatusCode, headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map_or(&[][..], |kind| kind.as_bytes());
    status.as_u16() >= 400 && kind.starts_with(b"application/json")
}

/// The page of an error response in JSON.
pub(super) fn of_error(status: StatusCode, json: &[u8]) -> Page {
    let json: Value = serde_json::from_slice(json).unwrap_or_default();
    let message = ["message", "error_description"].into_iter().find_map(|name| json[name].as_str());
    let title = reason(status.as_u16());
    let body = format!("<p role=\"alert\">{}</p>", escape(message.unwrap_or(title)));
    Page::new(status.as_u16(), title, &body, None)
}
