//! The endpoints of clients.

use actix_web::HttpResponse;
use actix_web::http::Method;

use super::model::{Client, ClientPatch, Filter, NewClient, View};
use crate::auth::scopes::{CreateClients, DeleteClients, ReadClients, RotateClientSecrets, UpdateClients};
use crate::error::Result;
use crate::http::conditional::Preconditions;
use crate::http::endpoint::endpoint;
use crate::http::page::listed;
use crate::http::params::Params;
use crate::http::render::{json_text, no_content, tagged};
use crate::http::{Body, Caller, Endpoint};
use crate::schema::{Fault, Part, refuse};
use crate::users::model::Fields;
use crate::users::routes::fields;

/// The routes of clients.
pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/api/v2/clients", create),
        endpoint(Method::GET, "/api/v2/clients", list),
        endpoint(Method::GET, "/api/v2/clients/{id}", fetch),
        endpoint(Method::PATCH, "/api/v2/clients/{id}", update),
        endpoint(Method::DELETE, "/api/v2/clients/{id}", delete),
        endpoint(Method::POST, "/api/v2/clients/{id}/rotate-secret", rotate_secret),
    ]
}

async fn create(caller: Caller<CreateClients>, body: Body) -> Result<HttpResponse> {
    let body = body.read().await?;
    whole(201, super::create(&caller, NewClient::read(&body.object()?)?).await?)
}

async fn list(caller: Caller<ReadClients>, params: Params) -> Result<HttpResponse> {
    let (page, view) = (params.page(0)?, super::view(&caller));
    let (filter, fields) = (filter(&params)?, visible(&params, view)?);
    let found = super::list(&caller, &filter, &page).await?;
    Ok(listed("clients", &page, &found.try_map(|client| client.document(view, &fields))?))
}

async fn fetch(
    caller: Caller<ReadClients>,
    params: Params,
    conditions: Preconditions,
) -> Result<HttpResponse> {
    let (id, view) = (params.path("id")?, super::view(&caller));
    let fields = visible(&params, view)?;
    let client = super::fetch(&caller, &id).await?;
    let etag = client.etag.clone();
    if conditions.is_known(&etag) {
        return Ok(tagged(HttpResponse::NotModified().finish(), &etag));
    }
    Ok(tagged(json_text(200, client.document(view, &fields)?), &etag))
}

async fn update(
    caller: Caller<UpdateClients>,
    params: Params,
    conditions: Preconditions,
    body: Body,
) -> Result<HttpResponse> {
    let id = params.path("id")?;
    let body = body.read().await?;
    let patch = ClientPatch::read(&body.object()?)?;
    whole(200, super::update(&caller, &id, patch, conditions.if_match).await?)
}

async fn rotate_secret(caller: Caller<RotateClientSecrets>, params: Params) -> Result<HttpResponse> {
    whole(200, super::rotate_secret(&caller, &params.path("id")?).await?)
}

async fn delete(caller: Caller<DeleteClients>, params: Params) -> Result<HttpResponse> {
    super::delete(&caller, &params.path("id")?).await?;
    Ok(no_content())
}

/// A client as a change answers it: whole, with the secret if the verb gave it out.
fn whole(status: u16, client: Client) -> Result<HttpResponse> {
    let etag = client.etag.clone();
    let view = View { all: true, secrets: true };
    Ok(tagged(json_text(status, client.document(view, &Fields::default())?), &etag))
}

fn visible(params: &Params, view: View) -> Result<Fields> {
    let fields = fields(params)?;
    view.check(&fields, params.query("fields")?.as_deref())?;
    Ok(fields)
}

/// Which clients a list is asked for. An empty parameter counts as none.
fn filter(params: &Params) -> Result<Filter> {
    let text = |name| Ok::<_, crate::error::Error>(params.query(name)?.filter(|text| !text.is_empty()));
    for name in ["q", "external_client_id"] {
        let fault = text(name)?.map(|_| Fault::of(name, "", "Not available in this version: leave it out"));
        refuse(Part::Query, fault.as_slice())?;
    }
    let app_types = text("app_type")?.map(|types| types.split(',').map(|t| t.trim().to_owned()).collect());
    Ok(Filter {
        app_types,
        is_global: params.boolean("is_global", "Optional filter on the global client parameter")?,
        is_first_party: params
            .boolean("is_first_party", "Optional filter on whether a client is first-party")?,
    })
}
