//! The endpoints of connections and clients.

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde_json::json;

use super::model::ClientsPatch;
use crate::auth::scopes::{ReadConnections, UpdateConnections};
use crate::base::error::Result;
use crate::http::endpoint::endpoint;
use crate::http::page::listed;
use crate::http::params::Params;
use crate::http::render::no_content;
use crate::http::{Body, Caller, Endpoint};
use crate::resources::connections::routes::filter;

/// The maximum of `take` for the clients of a connection.
const MAX_CLIENTS: i64 = 1000;
/// The maximum of `take` for the connections of a client.
const MAX_CONNECTIONS: i64 = 100;

pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/api/v2/connections/{id}/clients", list),
        endpoint(Method::PATCH, "/api/v2/connections/{id}/clients", update),
        endpoint(Method::GET, "/api/v2/clients/{id}/connections", list_of_client),
    ]
}

async fn list(caller: Caller<ReadConnections>, params: Params) -> Result<HttpResponse> {
    let (id, page) = (params.path("id")?, params.checkpoint(MAX_CLIENTS)?);
    let clients = super::list(&caller, &id, &page).await?;
    Ok(listed("clients", &page, &clients.try_map(|id| Ok(json!({ "client_id": id }).to_string()))?))
}

async fn update(caller: Caller<UpdateConnections>, params: Params, body: Body) -> Result<HttpResponse> {
    let id = params.path("id")?;
    let body = body.read().await?;
    super::update(&caller, &id, &ClientsPatch::read(&body.list()?)?).await?;
    Ok(no_content())
}

async fn list_of_client(caller: Caller<ReadConnections>, params: Params) -> Result<HttpResponse> {
    let (id, page, fields) = (params.path("id")?, params.checkpoint(MAX_CONNECTIONS)?, params.fields()?);
    let connections = super::list_of_client(&caller, &id, &filter(&params)?, &page).await?;
    Ok(listed("connections", &page, &connections.try_map(|connection| Ok(connection.text(&fields)))?))
}
