//! The endpoints of connections.

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde_json::json;

use super::model::{ConnectionPatch, Document, Filter, NewConnection};
use crate::auth::scopes::{CreateConnections, DeleteConnections, ReadConnections, UpdateConnections};
use crate::base::error::Result;
use crate::base::fields::Fields;
use crate::base::timestamp::timestamp;
use crate::http::conditional::Preconditions;
use crate::http::endpoint::endpoint;
use crate::http::page::listed_with_links;
use crate::http::params::Params;
use crate::http::render::{json_text, json_value, no_content, tagged};
use crate::http::{Body, Caller, Endpoint};

pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/api/v2/connections", create),
        endpoint(Method::GET, "/api/v2/connections", list),
        endpoint(Method::GET, "/api/v2/connections/{id}", fetch),
        endpoint(Method::PATCH, "/api/v2/connections/{id}", update),
        endpoint(Method::DELETE, "/api/v2/connections/{id}", delete),
    ]
}

async fn create(caller: Caller<CreateConnections>, body: Body) -> Result<HttpResponse> {
    Ok(document(201, super::create(&caller, body.parse::<NewConnection>().await?).await?))
}

async fn list(caller: Caller<ReadConnections>, params: Params) -> Result<HttpResponse> {
    let (page, filter, fields) = (params.page(1)?, filter(&params)?, params.fields()?);
    let connections = super::list(&caller, &filter, fields.wants("enabled_clients"), &page).await?;
    let documents = connections.try_map(|connection| Ok(connection.text(&fields)))?;
    Ok(listed_with_links(&caller.origin, &params, "connections", &page, &documents))
}

async fn fetch(
    caller: Caller<ReadConnections>,
    params: Params,
    conditions: Preconditions,
) -> Result<HttpResponse> {
    let fields = params.fields()?;
    let connection = super::fetch(&caller, &params.path("id")?).await?;
    let etag = connection.etag.clone();
    conditions.answer(&etag, || Ok(json_text(200, connection.text(&fields))))
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
    Ok(document(200, super::update(&caller, &id, &patch, conditions.if_match).await?))
}

async fn delete(caller: Caller<DeleteConnections>, params: Params) -> Result<HttpResponse> {
    Ok(match super::delete(&caller, &params.path("id")?).await? {
        Some(deleted_at) => json_value(202, &json!({ "deleted_at": timestamp(deleted_at) })),
        None => no_content(),
    })
}

fn document(status: u16, connection: Document) -> HttpResponse {
    let etag = connection.etag.clone();
    tagged(json_text(status, connection.text(&Fields::default())), &etag)
}

/// The `name` and `strategy` parameters.
pub(super) fn filter(params: &Params) -> Result<Filter> {
    Ok(Filter { name: params.query("name")?, strategies: params.all("strategy")? })
}
