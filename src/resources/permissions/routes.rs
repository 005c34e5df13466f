//! The endpoints of the permissions of roles and users.

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde_json::json;

use super::model::{Owner, Permissions};
use crate::app::Context;
use crate::auth::scopes::{ReadRoles, ReadUserPermissions, UpdateRoles, UpdateUserPermissions};
use crate::base::error::Result;
use crate::http::endpoint::endpoint;
use crate::http::page::listed;
use crate::http::params::Params;
use crate::http::render::{json_value, no_content};
use crate::http::{Body, Caller, Endpoint};

pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/api/v2/roles/{id}/permissions", list_of_role),
        endpoint(Method::POST, "/api/v2/roles/{id}/permissions", add_to_role),
        endpoint(Method::DELETE, "/api/v2/roles/{id}/permissions", remove_from_role),
        endpoint(Method::GET, "/api/v2/users/{id}/permissions", list_of_user),
        endpoint(Method::POST, "/api/v2/users/{id}/permissions", add_to_user),
        endpoint(Method::DELETE, "/api/v2/users/{id}/permissions", remove_from_user),
    ]
}

async fn list_of_role(caller: Caller<ReadRoles>, params: Params) -> Result<HttpResponse> {
    list(&caller, Owner::Role(&params.path("id")?), &params).await
}

async fn add_to_role(caller: Caller<UpdateRoles>, params: Params, body: Body) -> Result<HttpResponse> {
    add(&caller, Owner::Role(&params.path("id")?), body).await
}

async fn remove_from_role(caller: Caller<UpdateRoles>, params: Params, body: Body) -> Result<HttpResponse> {
    remove(&caller, Owner::Role(&params.path("id")?), body).await
}

async fn list_of_user(caller: Caller<ReadUserPermissions>, params: Params) -> Result<HttpResponse> {
    list(&caller, Owner::User(params.user_id("id")?.as_str()), &params).await
}

async fn add_to_user(
    caller: Caller<UpdateUserPermissions>,
    params: Params,
    body: Body,
) -> Result<HttpResponse> {
    add(&caller, Owner::User(params.user_id("id")?.as_str()), body).await
}

async fn remove_from_user(
    caller: Caller<UpdateUserPermissions>,
    params: Params,
    body: Body,
) -> Result<HttpResponse> {
    remove(&caller, Owner::User(params.user_id("id")?.as_str()), body).await
}

async fn list(ctx: &Context, owner: Owner<'_>, params: &Params) -> Result<HttpResponse> {
    let page = params.numbered_page(1)?;
    Ok(listed("permissions", &page, &super::list(ctx, owner, &page).await?))
}

async fn add(ctx: &Context, owner: Owner<'_>, body: Body) -> Result<HttpResponse> {
    let Permissions(permissions) = body.parse().await?;
    super::add(ctx, owner, &permissions).await?;
    Ok(json_value(201, &json!({})))
}

async fn remove(ctx: &Context, owner: Owner<'_>, body: Body) -> Result<HttpResponse> {
    let Permissions(permissions) = body.parse().await?;
    super::remove(ctx, owner, &permissions).await?;
    Ok(no_content())
}
