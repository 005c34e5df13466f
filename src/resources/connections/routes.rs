//! The endpoints of connections.

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde_json::json;

use super::model::{ClientsPatch, ConnectionPatch, Document, Filter, NewConnection};
use crate::auth::scopes::{CreateConnections, DeleteConnections, ReadConnections, UpdateConnections};
use crate::base::error::Result;
use crate::base::fields::Fields;
use crate::base::page::Page;
use crate::base::timestamp::timestamp;
use crate::http::conditional::Preconditions;
use crate::http::endpoint::endpoint;
use crate::http::page::{listed, listed_with_links};
use crate::http::params::Params;
use crate::http::render::{json_text, json_value, no_content, tagged};
use crate::http::{Body, Caller, Endpoint};

/// How many clients of a connection are answered at most.
const CLIENTS: i64 = 1000;
/// How many connections of a client are answered at most.
const OF_CLIENT: i64 = 100;

/// The routes of connections.
pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/api/v2/connections", create),
        endpoint(Method::GET, "/api/v2/connections", list),
        endpoint(Method::GET, "/api/v2/connections/{id}", fetch),
        endpoint(Method::PATCH, "/api/v2/connections/{id}", update),
        endpoint(Method::DELETE, "/api/v2/connections/{id}", delete),
        endpoint(Method::GET, "/api/v2/connections/{id}/clients", clients),
        endpoint(Method::PATCH, "/api/v2/connections/{id}/clients", set_clients),
        endpoint(Method::GET, "/api/v2/clients/{id}/connections", list_of_client),
    ]
}

async fn create(caller: Caller<CreateConnections>, body: Body) -> Result<HttpResponse> {
    let body = body.read().await?;
    Ok(whole(201, super::create(&caller, NewConnection::read(&body.object()?)?).await?))
}

async fn list(caller: Caller<ReadConnections>, params: Params) -> Result<HttpResponse> {
    let (page, filter, fields) = (params.page(1)?, filter(&params)?, params.fields()?);
    let found = super::list(&caller, &filter, fields.wants("enabled_clients"), &page).await?;
    let found = found.try_map(|connection| Ok(connection.text(&fields)))?;
    Ok(listed_with_links(&caller.origin, &params, "connections", &page, &found))
}

async fn list_of_client(caller: Caller<ReadConnections>, params: Params) -> Result<HttpResponse> {
    let (id, page, fields) = (params.path("id")?, params.checkpoint(OF_CLIENT)?, params.fields()?);
    let found = super::list_of_client(&caller, &id, filter(&params)?, &page).await?;
    Ok(listed("connections", &page, &found.try_map(|connection| Ok(connection.text(&fields)))?))
}

async fn fetch(caller: Caller<ReadConnections>, params: Params) -> Result<HttpResponse> {
    let fields = params.fields()?;
    let connection = super::fetch(&caller, &params.path("id")?).await?;
    let etag = connection.etag.clone();
    Ok(tagged(json_text(200, connection.text(&fields)), &etag))
}

async fn update(
    caller: Caller<UpdateConnections>,
    params: Params,
    conditions: Preconditions,
    body: Body,
) -> Result<HttpResponse> {
    let id = params.path("id")?;
    let body = body.read().await?;
    let body = body.object()?;
    let patch = ConnectionPatch::read(&body)?;
    Ok(whole(200, super::update(&caller, &id, &patch, conditions.if_match).await?))
}

async fn delete(caller: Caller<DeleteConnections>, params: Params) -> Result<HttpResponse> {
    Ok(match super::delete(&caller, &params.path("id")?).await? {
        Some(deleted_at) => json_value(202, &json!({ "deleted_at": timestamp(deleted_at) })),
        None => no_content(),
    })
}

async fn clients(caller: Caller<ReadConnections>, params: Params) -> Result<HttpResponse> {
    let (id, page): (_, Page) = (params.path("id")?, params.checkpoint(CLIENTS)?);
    let found = super::clients(&caller, &id, &page).await?;
    Ok(listed("clients", &page, &found.try_map(|id| Ok(json!({ "client_id": id }).to_string()))?))
}

async fn set_clients(caller: Caller<UpdateConnections>, params: Params, body: Body) -> Result<HttpResponse> {
    let id = params.path("id")?;
    let body = body.read().await?;
    super::set_clients(&caller, &id, &ClientsPatch::read(&body.list()?)?).await?;
    Ok(no_content())
}

fn whole(status: u16, connection: Document) -> HttpResponse {
    let etag = connection.etag.clone();
    tagged(json_text(status, connection.text(&Fields::default())), &etag)
}

fn filter(params: &Params) -> Result<Filter> {
    Ok(Filter { name: params.query("name")?, strategies: params.all("strategy")?, client_id: None })
}
