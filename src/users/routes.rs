//! The endpoints of users.

use actix_web::HttpResponse;
use actix_web::http::Method;

use super::model::{Fields, NewUser, UserPatch};
use crate::auth::scopes::{CreateUsers, DeleteUsers, ReadUsers, UpdateUsers};
use crate::error::Error;
use crate::http::conditional::Preconditions;
use crate::http::endpoint::endpoint;
use crate::http::params::Params;
use crate::http::render::{json_text, no_content, tagged};
use crate::http::{Body, Caller, Endpoint};

/// The routes of users.
pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/api/v2/users", create),
        endpoint(Method::GET, "/api/v2/users/{id}", fetch),
        endpoint(Method::PATCH, "/api/v2/users/{id}", update),
        endpoint(Method::DELETE, "/api/v2/users/{id}", delete),
    ]
}

async fn create(caller: Caller<CreateUsers>, body: Body) -> Result<HttpResponse, Error> {
    let body = body.read().await?;
    let user = super::create(&caller, NewUser::read(&body.object()?)?).await?;
    Ok(tagged(json_text(201, user.document(&Fields::default())?), &user.etag()))
}

async fn fetch(
    caller: Caller<ReadUsers>,
    params: Params,
    conditions: Preconditions,
) -> Result<HttpResponse, Error> {
    let id = params.user_id("id")?;
    let fields = fields(&params)?;
    let user = super::fetch(&caller, &id).await?;
    if conditions.is_known(&user.etag()) {
        return Ok(tagged(HttpResponse::NotModified().finish(), &user.etag()));
    }
    Ok(tagged(json_text(200, user.document(&fields)?), &user.etag()))
}

async fn update(
    caller: Caller<UpdateUsers>,
    params: Params,
    conditions: Preconditions,
    body: Body,
) -> Result<HttpResponse, Error> {
    let id = params.user_id("id")?;
    let body = body.read().await?;
    let user = super::update(&caller, &id, UserPatch::read(&body.object()?)?, conditions.if_match).await?;
    Ok(tagged(json_text(200, user.document(&Fields::default())?), &user.etag()))
}

async fn delete(
    caller: Caller<DeleteUsers>,
    params: Params,
    conditions: Preconditions,
) -> Result<HttpResponse, Error> {
    super::delete(&caller, &params.user_id("id")?, conditions.if_match.as_deref()).await?;
    Ok(no_content())
}

/// `fields` and `include_fields` of the query string.
pub(crate) fn fields(params: &Params) -> Result<Fields, Error> {
    let include = params.boolean(
        "include_fields",
        "Whether specified fields are to be included (true) or excluded (false)",
    )?;
    Ok(Fields::new(params.query("fields")?.as_deref(), include.unwrap_or(true)))
}
