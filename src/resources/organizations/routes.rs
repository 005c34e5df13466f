//! The endpoints of organizations.

use actix_web::HttpResponse;
use actix_web::http::Method;

use super::model::{GrantFilter, NewGrant, NewOrganization, OrganizationPatch, association};
use crate::auth::scopes::{
    CreateOrganizationClientGrants, CreateOrganizations, DeleteOrganizationClientGrants, DeleteOrganizations,
    ReadOrganizationClientGrants, ReadOrganizations, UpdateOrganizations,
};
use crate::base::error::{Error, Result};
use crate::http::endpoint::endpoint;
use crate::http::page::listed;
use crate::http::params::Params;
use crate::http::render::{json_text, no_content};
use crate::http::{Body, Caller, Endpoint};
use crate::resources::client_grants::model::ClientGrant;

pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/api/v2/organizations", create),
        endpoint(Method::GET, "/api/v2/organizations", list),
        endpoint(Method::GET, "/api/v2/organizations/name/{name}", fetch_by_name),
        endpoint(Method::GET, "/api/v2/organizations/{id}", fetch),
        endpoint(Method::PATCH, "/api/v2/organizations/{id}", update),
        endpoint(Method::DELETE, "/api/v2/organizations/{id}", delete),
        endpoint(Method::GET, "/api/v2/organizations/{id}/client-grants", list_grants),
        endpoint(Method::POST, "/api/v2/organizations/{id}/client-grants", add_grant),
        endpoint(Method::DELETE, "/api/v2/organizations/{id}/client-grants/{grant_id}", remove_grant),
        endpoint(Method::GET, "/api/v2/client-grants/{id}/organizations", list_of_grant),
    ]
}

async fn create(caller: Caller<CreateOrganizations>, body: Body) -> Result<HttpResponse> {
    let new = body.parse::<NewOrganization>().await?;
    Ok(json_text(201, super::create(&caller, &new).await?))
}

async fn list(caller: Caller<ReadOrganizations>, params: Params) -> Result<HttpResponse> {
    let page = params.page(1)?;
    Ok(listed("organizations", &page, &super::list(&caller, &page).await?))
}

async fn fetch(caller: Caller<ReadOrganizations>, params: Params) -> Result<HttpResponse> {
    Ok(json_text(200, super::fetch(&caller, &params.path("id")?).await?))
}

async fn fetch_by_name(caller: Caller<ReadOrganizations>, params: Params) -> Result<HttpResponse> {
    Ok(json_text(200, super::fetch_by_name(&caller, &params.path("name")?).await?))
}

async fn update(caller: Caller<UpdateOrganizations>, params: Params, body: Body) -> Result<HttpResponse> {
    let id = params.path("id")?;
    let patch = body.parse::<OrganizationPatch>().await?;
    Ok(json_text(200, super::update(&caller, &id, &patch).await?))
}

async fn delete(caller: Caller<DeleteOrganizations>, params: Params) -> Result<HttpResponse> {
    super::delete(&caller, &params.path("id")?).await?;
    Ok(no_content())
}

async fn list_grants(caller: Caller<ReadOrganizationClientGrants>, params: Params) -> Result<HttpResponse> {
    let (id, page, filter) = (params.path("id")?, params.numbered_page(1)?, grant_filter(&params)?);
    let grants = super::list_grants(&caller, &id, &filter, &page).await?;
    Ok(listed("client_grants", &page, &grants.try_map(ClientGrant::document)?))
}

async fn add_grant(
    caller: Caller<CreateOrganizationClientGrants>,
    params: Params,
    body: Body,
) -> Result<HttpResponse> {
    let id = params.path("id")?;
    let new = body.parse::<NewGrant>().await?;
    Ok(json_text(201, association(super::add_grant(&caller, &id, &new.grant_id).await?)?))
}

async fn remove_grant(
    caller: Caller<DeleteOrganizationClientGrants>,
    params: Params,
) -> Result<HttpResponse> {
    super::remove_grant(&caller, &params.path("id")?, &params.path("grant_id")?).await?;
    Ok(no_content())
}

async fn list_of_grant(caller: Caller<ReadOrganizationClientGrants>, params: Params) -> Result<HttpResponse> {
    let (id, page) = (params.path("id")?, params.page(1)?);
    Ok(listed("organizations", &page, &super::list_of_grant(&caller, &id, &page).await?))
}

/// The filter in the query string. An empty parameter is no filter.
fn grant_filter(params: &Params) -> Result<GrantFilter> {
    let text = |name| Ok::<_, Error>(params.query(name)?.filter(|text| !text.is_empty()));
    let grant_ids = params.all("grant_ids")?;
    GrantFilter::new(text("audience")?, text("client_id")?, grant_ids)
}
