//! The endpoints of roles and of who has them.

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde_json::json;

use super::model::{CREATE, MEMBERS, ROLES, RoleFields, UPDATE};
use crate::auth::scopes::{
    AddRoleMembers, AssignRoles, CreateRoles, DeleteRoles, ReadRoleMembers, ReadRoles, UnassignRoles,
    UpdateRoles,
};
use crate::base::error::Result;
use crate::base::fields::Fields;
use crate::base::schema::Schema;
use crate::http::endpoint::endpoint;
use crate::http::page::listed;
use crate::http::params::Params;
use crate::http::render::{json_text, json_value, no_content};
use crate::http::{Body, Caller, Endpoint};

/// The routes of roles.
pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/api/v2/roles", create),
        endpoint(Method::GET, "/api/v2/roles", list),
        endpoint(Method::GET, "/api/v2/roles/{id}", fetch),
        endpoint(Method::PATCH, "/api/v2/roles/{id}", update),
        endpoint(Method::DELETE, "/api/v2/roles/{id}", delete),
        endpoint(Method::GET, "/api/v2/roles/{id}/users", members),
        endpoint(Method::POST, "/api/v2/roles/{id}/users", add_members),
        endpoint(Method::GET, "/api/v2/users/{id}/roles", of_user),
        endpoint(Method::POST, "/api/v2/users/{id}/roles", assign),
        endpoint(Method::DELETE, "/api/v2/users/{id}/roles", unassign),
    ]
}

async fn create(caller: Caller<CreateRoles>, body: Body) -> Result<HttpResponse> {
    let body = body.read().await?;
    Ok(json_text(200, super::create(&caller, RoleFields::read(&CREATE, &body.object()?)?).await?))
}

async fn list(caller: Caller<ReadRoles>, params: Params) -> Result<HttpResponse> {
    let (page, name_filter) = (params.numbered_page(1)?, params.query("name_filter")?);
    Ok(listed("roles", &page, &super::list(&caller, name_filter.as_deref(), &page).await?))
}

async fn fetch(caller: Caller<ReadRoles>, params: Params) -> Result<HttpResponse> {
    Ok(json_text(200, super::fetch(&caller, &params.path("id")?).await?))
}

async fn update(caller: Caller<UpdateRoles>, params: Params, body: Body) -> Result<HttpResponse> {
    let id = params.path("id")?;
    let body = body.read().await?;
    Ok(json_text(200, super::update(&caller, &id, RoleFields::read(&UPDATE, &body.object()?)?).await?))
}

async fn delete(caller: Caller<DeleteRoles>, params: Params) -> Result<HttpResponse> {
    super::delete(&caller, &params.path("id")?).await?;
    Ok(json_value(200, &json!({})))
}

async fn members(caller: Caller<ReadRoleMembers>, params: Params) -> Result<HttpResponse> {
    let page = params.page(1)?;
    let found = super::members(&caller, &params.path("id")?, &page).await?;
    let fields = Fields::new(Some("user_id,email,picture,name"), true);
    Ok(listed("users", &page, &found.try_map(|user| user.document(&fields))?))
}

async fn add_members(caller: Caller<AddRoleMembers>, params: Params, body: Body) -> Result<HttpResponse> {
    let id = params.path("id")?;
    super::add_members(&caller, &id, &texts(body, &MEMBERS, "users").await?).await?;
    Ok(json_value(200, &json!({})))
}

async fn of_user(caller: Caller<ReadRoleMembers>, params: Params) -> Result<HttpResponse> {
    let (id, page) = (params.user_id("id")?, params.numbered_page(1)?);
    Ok(listed("roles", &page, &super::of_user(&caller, &id, &page).await?))
}

async fn assign(caller: Caller<AssignRoles>, params: Params, body: Body) -> Result<HttpResponse> {
    let id = params.user_id("id")?;
    super::assign(&caller, &id, &texts(body, &ROLES, "roles").await?).await?;
    Ok(no_content())
}

async fn unassign(caller: Caller<UnassignRoles>, params: Params, body: Body) -> Result<HttpResponse> {
    let id = params.user_id("id")?;
    super::unassign(&caller, &id, &texts(body, &ROLES, "roles").await?).await?;
    Ok(no_content())
}

/// The list of texts that is all a body holds.
async fn texts(body: Body, schema: &Schema, name: &str) -> Result<Vec<String>> {
    let body = body.read().await?;
    let body = body.object()?;
    schema.check(&body)?;
    Ok(body.value(name).unwrap_or_default())
}
