//! The endpoints of client grants.

use actix_web::HttpResponse;
use actix_web::http::Method;

use super::model::{NewClientGrant, read_scope};
use crate::auth::scopes::{CreateClientGrants, DeleteClientGrants, ReadClientGrants, UpdateClientGrants};
use crate::error::Result;
use crate::http::endpoint::endpoint;
use crate::http::page::listed;
use crate::http::params::Params;
use crate::http::render::{json_text, no_content};
use crate::http::{Body, Caller, Endpoint};

/// The routes of client grants.
pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/api/v2/client-grants", create),
        endpoint(Method::GET, "/api/v2/client-grants", list),
        endpoint(Method::GET, "/api/v2/client-grants/{id}", fetch),
        endpoint(Method::PATCH, "/api/v2/client-grants/{id}", update),
        endpoint(Method::DELETE, "/api/v2/client-grants/{id}", delete),
    ]
}

async fn create(caller: Caller<CreateClientGrants>, body: Body) -> Result<HttpResponse> {
    let body = body.read().await?;
    let made = super::create(&caller, NewClientGrant::read(&body.object()?)?).await?;
    Ok(json_text(201, made.document()))
}

async fn list(caller: Caller<ReadClientGrants>, params: Params) -> Result<HttpResponse> {
    let page = params.page(1)?;
    let (audience, client_id) = (params.query("audience")?, params.query("client_id")?);
    let found = super::list(&caller, audience.as_deref(), client_id.as_deref(), &page).await?;
    Ok(listed("client_grants", &page, &found.try_map(|grant| Ok(grant.document()))?))
}

async fn fetch(caller: Caller<ReadClientGrants>, params: Params) -> Result<HttpResponse> {
    Ok(json_text(200, super::fetch(&caller, &params.path("id")?).await?.document()))
}

async fn update(caller: Caller<UpdateClientGrants>, params: Params, body: Body) -> Result<HttpResponse> {
    let id = params.path("id")?;
    let body = body.read().await?;
    let changed = super::update(&caller, &id, &read_scope(&body.object()?)?).await?;
    Ok(json_text(200, changed.document()))
}

async fn delete(caller: Caller<DeleteClientGrants>, params: Params) -> Result<HttpResponse> {
    super::delete(&caller, &params.path("id")?).await?;
    Ok(no_content())
}
