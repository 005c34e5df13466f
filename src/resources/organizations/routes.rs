//! The endpoints of organizations.

use actix_web::HttpResponse;
use actix_web::http::Method;

use super::model::{ADD_GRANT, CREATE, GrantFilter, OrganizationFields, UPDATE, added, check_grant_ids};
use crate::auth::scopes::{
    CreateOrganizationClientGrants, CreateOrganizations, DeleteOrganizationClientGrants, DeleteOrganizations,
    ReadOrganizationClientGrants, ReadOrganizations, UpdateOrganizations,
};
use crate::base::error::Result;
use crate::http::endpoint::endpoint;
use crate::http::page::listed;
use crate::http::params::Params;
use crate::http::render::{json_text, no_content};
use crate::http::{Body, Caller, Endpoint};
use crate::resources::client_grants::model::ClientGrant;

/// The routes of organizations.
pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/api/v2/organizations", create),
        endpoint(Method::GET, "/api/v2/organizations", list),
        endpoint(Method::GET, "/api/v2/organizations/name/{name}", fetch_by_name),
        endpoint(Method::GET, "/api/v2/organizations/{id}", fetch),
        endpoint(Method::PATCH, "/api/v2/organizations/{id}", update),
        endpoint(Method::DELETE, "/api/v2/organizations/{id}", delete),
        endpoint(Method::GET, "/api/v2/organizations/{id}/client-grants", grants),
        endpoint(Method::POST, "/api/v2/organizations/{id}/client-grants", add_grant),
        endpoint(Method::DELETE, "/api/v2/organizations/{id}/client-grants/{grant_id}", remove_grant),
        endpoint(Method::GET, "/api/v2/client-grants/{id}/organizations", of_grant),
    ]
}

async fn create(caller: Caller<CreateOrganizations>, body: Body) -> Result<HttpResponse> {
    let body = body.read().await?;
    let new = OrganizationFields::read(&CREATE, &body.object()?)?;
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
    let body = body.read().await?;
    let patch = OrganizationFields::read(&UPDATE, &body.object()?)?;
    Ok(json_text(200, super::update(&caller, &id, &patch).await?))
}

async fn delete(caller: Caller<DeleteOrganizations>, params: Params) -> Result<HttpResponse> {
    super::delete(&caller, &params.path("id")?).await?;
    Ok(no_content())
}

async fn grants(caller: Caller<ReadOrganizationClientGrants>, params: Params) -> Result<HttpResponse> {
    let (id, page, filter) = (params.path("id")?, params.numbered_page(1)?, filter(&params)?);
    let found = super::grants(&caller, &id, &filter, &page).await?;
    Ok(listed("client_grants", &page, &found.try_map(ClientGrant::document)?))
}

async fn add_grant(
    caller: Caller<CreateOrganizationClientGrants>,
    params: Params,
    body: Body,
) -> Result<HttpResponse> {
    let id = params.path("id")?;
    let body = body.read().await?;
    let body = body.object()?;
    ADD_GRANT.check(&body)?;
    let grant_id: String = body.value("grant_id").unwrap_or_default();
    Ok(json_text(201, added(super::add_grant(&caller, &id, &grant_id).await?)?))
}

async fn remove_grant(
    caller: Caller<DeleteOrganizationClientGrants>,
    params: Params,
) -> Result<HttpResponse> {
    super::remove_grant(&caller, &params.path("id")?, &params.path("grant_id")?).await?;
    Ok(no_content())
}

async fn of_grant(caller: Caller<ReadOrganizationClientGrants>, params: Params) -> Result<HttpResponse> {
    let (id, page) = (params.path("id")?, params.page(1)?);
    Ok(listed("organizations", &page, &super::of_grant(&caller, &id, &page).await?))
}

/// Which grants a list is asked for. An empty parameter counts as none.
fn filter(params: &Params) -> Result<GrantFilter> {
    let text = |name| Ok::<_, crate::base::error::Error>(params.query(name)?.filter(|text| !text.is_empty()));
    let grant_ids = params.all("grant_ids")?;
    check_grant_ids(&grant_ids)?;
    Ok(GrantFilter {
        audience: text("audience")?,
        client_id: text("client_id")?,
        grant_ids: (!grant_ids.is_empty()).then_some(grant_ids),
    })
}
