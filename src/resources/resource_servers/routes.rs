use actix_web::HttpResponse;
use actix_web::http::Method;

use super::model::{NewResourceServer, ResourceServerPatch, check_identifiers};
use crate::auth::scopes::{
    CreateResourceServers, DeleteResourceServers, ReadResourceServers, UpdateResourceServers,
};
use crate::base::error::Result;
use crate::base::fields::Fields;
use crate::http::endpoint::endpoint;
use crate::http::page::listed_with_links;
use crate::http::params::Params;
use crate::http::render::{json_text, no_content};
use crate::http::{Body, Caller, Endpoint};

pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/api/v2/resource-servers", create),
        endpoint(Method::GET, "/api/v2/resource-servers", list),
        endpoint(Method::GET, "/api/v2/resource-servers/{id}", fetch),
        endpoint(Method::PATCH, "/api/v2/resource-servers/{id}", update),
        endpoint(Method::DELETE, "/api/v2/resource-servers/{id}", delete),
    ]
}

async fn create(caller: Caller<CreateResourceServers>, body: Body) -> Result<HttpResponse> {
    let created = super::create(&caller, body.parse::<NewResourceServer>().await?).await?;
    Ok(json_text(201, created.document(&Fields::default())?))
}

async fn list(caller: Caller<ReadResourceServers>, params: Params) -> Result<HttpResponse> {
    let (page, fields, identifiers) = (params.page(1)?, params.fields()?, params.all("identifiers")?);
    check_identifiers(&identifiers)?;
    let identifiers = (!identifiers.is_empty()).then_some(identifiers);
    let found = super::list(&caller, identifiers.as_deref(), &page).await?;
    Ok(listed_with_links(
        &caller.origin,
        &params,
        "resource_servers",
        &page,
        &found.try_map(|server| server.document(&fields))?,
    ))
}

async fn fetch(caller: Caller<ReadResourceServers>, params: Params) -> Result<HttpResponse> {
    let fields = params.fields()?;
    Ok(json_text(200, super::fetch(&caller, &params.path("id")?).await?.document(&fields)?))
}

async fn update(caller: Caller<UpdateResourceServers>, params: Params, body: Body) -> Result<HttpResponse> {
    let id = params.path("id")?;
    let updated = super::update(&caller, &id, body.parse::<ResourceServerPatch>().await?).await?;
    Ok(json_text(200, updated.document(&Fields::default())?))
}

async fn delete(caller: Caller<DeleteResourceServers>, params: Params) -> Result<HttpResponse> {
    super::delete(&caller, &params.path("id")?).await?;
    Ok(no_content())
}
