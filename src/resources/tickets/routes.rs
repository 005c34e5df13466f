//! The endpoints of tickets, and the pages behind their links.

use actix_web::HttpResponse;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use actix_web::http::{Method, StatusCode};
use serde_json::json;

use super::model::{Kind, TicketRequest};
use super::pages::{self, Page};
use super::{Outcome, look_at, redeem};
use crate::auth::scopes::CreateUserTickets;
use crate::base::error::Error;
use crate::http::endpoint::endpoint;
use crate::http::params::Params;
use crate::http::render::json_value;
use crate::http::{Body, Caller, Endpoint, Visitor};

/// The routes of tickets.
pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/api/v2/tickets/password-change", create_password_change),
        endpoint(Method::POST, "/api/v2/tickets/email-verification", create_email_verification),
        endpoint(Method::GET, Kind::PasswordChange.path(), show_password_change),
        endpoint(Method::POST, Kind::PasswordChange.path(), use_password_change),
        endpoint(Method::GET, Kind::EmailVerification.path(), show_email_verification),
        endpoint(Method::POST, Kind::EmailVerification.path(), use_email_verification),
    ]
}

async fn create_password_change(
    caller: Caller<CreateUserTickets>,
    body: Body,
) -> Result<HttpResponse, Error> {
    create(&caller, Kind::PasswordChange, body).await
}

async fn create_email_verification(
    caller: Caller<CreateUserTickets>,
    body: Body,
) -> Result<HttpResponse, Error> {
    create(&caller, Kind::EmailVerification, body).await
}

async fn create(caller: &Caller<CreateUserTickets>, kind: Kind, body: Body) -> Result<HttpResponse, Error> {
    let body = body.read().await?;
    let link = super::create(caller, kind, TicketRequest::read(kind, &body.object()?)?).await?;
    Ok(json_value(201, &json!({ "ticket": link })))
}

async fn show_password_change(visitor: Visitor, params: Params) -> Result<HttpResponse, Error> {
    show(&visitor, Kind::PasswordChange, &params).await
}

async fn show_email_verification(visitor: Visitor, params: Params) -> Result<HttpResponse, Error> {
    show(&visitor, Kind::EmailVerification, &params).await
}

async fn show(visitor: &Visitor, kind: Kind, params: &Params) -> Result<HttpResponse, Error> {
    let token = params.query("ticket")?.unwrap_or_default();
    let found = look_at(&visitor.app, &visitor.tenant, kind, &token, visitor.now).await?;
    Ok(html(match found {
        Ok((ticket, connection)) => pages::form(kind, &token, &ticket, &connection, None),
        Err(state) => pages::refused(kind, state),
    }))
}

async fn use_password_change(visitor: Visitor, body: Body) -> Result<HttpResponse, Error> {
    use_ticket(visitor, Kind::PasswordChange, body).await
}

async fn use_email_verification(visitor: Visitor, body: Body) -> Result<HttpResponse, Error> {
    use_ticket(visitor, Kind::EmailVerification, body).await
}

async fn use_ticket(visitor: Visitor, kind: Kind, body: Body) -> Result<HttpResponse, Error> {
    let form = body.form().await?;
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let token = field("ticket");
    let outcome =
        redeem(&visitor.context(None), kind, token, field("password"), field("confirmation")).await?;
    Ok(match outcome {
        Outcome::Refused(state) => html(pages::refused(kind, state)),
        Outcome::Fault(ticket, connection, fault) => {
            html(pages::form(kind, token, &ticket, &connection, Some(fault)))
        }
        Outcome::Done(ticket) => match ticket.destination(pages::success_message(kind)) {
            None => html(pages::done(kind)),
            Some(url) => HttpResponse::SeeOther()
                .insert_header((LOCATION, url))
                .insert_header((REFERRER_POLICY, "no-referrer"))
                .insert_header((CACHE_CONTROL, "no-store"))
                .finish(),
        },
    })
}

fn html(page: Page) -> HttpResponse {
    HttpResponse::build(StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_SECURITY_POLICY, page.policy))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((X_FRAME_OPTIONS, "DENY"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(page.html)
}
