//! The endpoints of tickets, and the pages that their links lead to.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header::{LOCATION, REFERRER_POLICY};
use serde_json::json;

use super::model::Kind;
use super::pages;
use super::request::{EmailVerification, PasswordChange, TicketRequest};
use super::{Outcome, find_usable, redeem};
use crate::auth::scopes::CreateUserTickets;
use crate::base::error::Result;
use crate::http::endpoint::endpoint;
use crate::http::html;
use crate::http::params::Params;
use crate::http::render::json_value;
use crate::http::{Body, Caller, Endpoint, Visitor};

pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/api/v2/tickets/password-change", create_password_change),
        endpoint(Method::POST, "/api/v2/tickets/email-verification", create_email_verification),
        endpoint(Method::GET, Kind::PasswordChange.path(), show_password_change).page(),
        endpoint(Method::POST, Kind::PasswordChange.path(), use_password_change).page(),
        endpoint(Method::GET, Kind::EmailVerification.path(), show_email_verification).page(),
        endpoint(Method::POST, Kind::EmailVerification.path(), use_email_verification).page(),
    ]
}

async fn create_password_change(caller: Caller<CreateUserTickets>, body: Body) -> Result<HttpResponse> {
    let PasswordChange(request) = body.parse().await?;
    create(&caller, &request).await
}

async fn create_email_verification(caller: Caller<CreateUserTickets>, body: Body) -> Result<HttpResponse> {
    let EmailVerification(request) = body.parse().await?;
    create(&caller, &request).await
}

async fn create(caller: &Caller<CreateUserTickets>, request: &TicketRequest) -> Result<HttpResponse> {
    Ok(json_value(201, &json!({ "ticket": super::create(caller, request).await? })))
}

async fn show_password_change(visitor: Visitor, params: Params) -> Result<HttpResponse> {
    show(visitor, Kind::PasswordChange, &params).await
}

async fn show_email_verification(visitor: Visitor, params: Params) -> Result<HttpResponse> {
    show(visitor, Kind::EmailVerification, &params).await
}

async fn show(visitor: Visitor, kind: Kind, params: &Params) -> Result<HttpResponse> {
    let token = params.query("ticket")?.unwrap_or_default();
    Ok(html::page(match find_usable(&visitor.context(None), kind, &token).await? {
        Ok((ticket, connection)) => pages::form(kind, &token, &ticket, &connection, None),
        Err(state) => pages::unusable(kind, state),
    }))
}

async fn use_password_change(visitor: Visitor, body: Body) -> Result<HttpResponse> {
    use_ticket(visitor, Kind::PasswordChange, body).await
}

async fn use_email_verification(visitor: Visitor, body: Body) -> Result<HttpResponse> {
    use_ticket(visitor, Kind::EmailVerification, body).await
}

async fn use_ticket(visitor: Visitor, kind: Kind, body: Body) -> Result<HttpResponse> {
    let form = body.form().await?;
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let token = field("ticket");
    let outcome =
        redeem(&visitor.context(None), kind, token, field("password"), field("confirmation")).await?;
    Ok(match outcome {
        Outcome::Unusable(state) => html::page(pages::unusable(kind, state)),
        Outcome::InvalidPassword(ticket, connection, reason) => {
            html::page(pages::form(kind, token, &ticket, &connection, Some(reason)))
        }
        Outcome::Used(ticket) => match ticket.destination(pages::success_message(kind)) {
            None => html::page(pages::success(kind)),
            Some(url) => HttpResponse::SeeOther()
                .insert_header((LOCATION, url))
                .insert_header((REFERRER_POLICY, "no-referrer"))
                .finish(),
        },
    })
}
