//! The endpoints of roles, their members and the roles of a user.

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde_json::json;

use super::model::{Members, NewRole, RoleIds, RolePatch};
use crate::auth::scopes::{
    AddRoleMembers, AssignRoles, CreateRoles, DeleteRoles, ReadRoleMembers, ReadRoles, UnassignRoles,
    UpdateRoles,
};
use crate::base::error::Result;
use crate::base::fields::Fields;
use crate::http::endpoint::endpoint;
use crate::http::page::listed;
use crate::http::params::Params;
use crate::http::render::{json_text, json_value, no_content};
use crate::http::{Body, Caller, Endpoint};

pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/api/v2/roles", create),
        endpoint(Method::GET, "/api/v2/roles", list),
        endpoint(Method::GET, "/api/v2/roles/{id}", fetch),
        endpoint(Method::PATCH, "/api/v2/roles/{id}", update),
        endpoint(Method::DELETE, "/api/v2/roles/{id}", delete),
        endpoint(Method::GET, "/api/v2/roles/{id}/users", list_members),
        endpoint(Method::POST, "/api/v2/roles/{id}/users", add_members),
        endpoint(Method::GET, "/api/v2/users/{id}/roles", list_of_user),
        endpoint(Method::POST, "/api/v2/users/{id}/roles", assign),
        endpoint(Method::DELETE, "/api/v2/users/{id}/roles", unassign),
    ]
}

async fn create(caller: Caller<CreateRoles>, body: Body) -> Result<HttpResponse> {
    let new = body.parse::<NewRole>().await?;
    Ok(json_text(200, super::create(&caller, new).await?))
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
    let patch = body.parse::<RolePatch>().await?;
    Ok(json_text(200, super::update(&caller, &id, patch).await?))
}

async fn delete(caller: Caller<DeleteRoles>, params: Params) -> Result<HttpResponse> {
    super::delete(&caller, &params.path("id")?).await?;
    Ok(json_value(200, &json!({})))
}

async fn list_members(caller: Caller<ReadRoleMembers>, params: Params) -> Result<HttpResponse> {
    let page = params.page(1)?;
    let members = super::list_members(&caller, &params.path("id")?, &page).await?;
    let fields = Fields::new(Some("user_id,email,picture,name"), true);
    Ok(listed("users", &page, &members.try_map(|user| user.document(&fields))?))
}

async fn add_members(caller: Caller<AddRoleMembers>, params: Params, body: Body) -> Result<HttpResponse> {
    let id = params.path("id")?;
    let Members(user_ids) = body.parse().await?;
    super::add_members(&caller, &id, &user_ids).await?;
    Ok(json_value(200, &json!({})))
}

async fn list_of_user(caller: Caller<ReadRoleMembers>, params: Params) -> Result<HttpResponse> {
    let (id, page) = (params.user_id("id")?, params.numbered_page(1)?);
    Ok(listed("roles", &page, &super::list_of_user(&caller, &id, &page).await?))
}

async fn assign(caller: Caller<AssignRoles>, params: Params, body: Body) -> Result<HttpResponse> {
    let id = params.user_id("id")?;
    let RoleIds(role_ids) = body.parse().await?;
    super::assign(&caller, &id, &role_ids).await?;
    Ok(no_content())
}

async fn unassign(caller: Caller<UnassignRoles>, params: Params, body: Body) -> Result<HttpResponse> {
    let id = params.user_id("id")?;
    let RoleIds(role_ids) = body.parse().await?;
    super::unassign(&caller, &id, &role_ids).await?;
    Ok(no_content())
}
