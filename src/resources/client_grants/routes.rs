//! The endpoints of client grants.

use actix_web::HttpResponse;
use actix_web::http::Method;

use super::model::{ClientGrant, ClientGrantPatch, Filter, NewClientGrant, SUBJECT_TYPES};
use crate::auth::scopes::{CreateClientGrants, DeleteClientGrants, ReadClientGrants, UpdateClientGrants};
use crate::base::error::Result;
use crate::base::schema::{Fault, Part, refusal};
use crate::http::endpoint::endpoint;
use crate::http::page::listed_with_links;
use crate::http::params::Params;
use crate::http::render::{json_text, no_content};
use crate::http::{Body, Caller, Endpoint};

/// The routes of client grants.
pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/api/v2/client-grants", create),
        endpoint(Method::GET, "/api/v2/client-grants", list),
        endpoint(Method::GET, "/api/v2/client-grants/{id}", fetch),
        endpoint(Method::PATCH, "/api/v2/client-grants/{id}", update),
        endpoint(Method::DELETE, "/api/v2/client-grants/{id}", delete),
    ]
}

async fn create(caller: Caller<CreateClientGrants>, body: Body) -> Result<HttpResponse> {
    let body = body.read().await?;
    let made = super::create(&caller, NewClientGrant::read(&body.object()?)?).await?;
    Ok(json_text(201, made.document()?))
}

async fn list(caller: Caller<ReadClientGrants>, params: Params) -> Result<HttpResponse> {
    let (page, filter) = (params.page(1)?, filter(&params)?);
    let found = super::list(&caller, filter, &page).await?;
    Ok(listed_with_links(
        &caller.origin,
        &params,
        "client_grants",
        &page,
        &found.try_map(ClientGrant::document)?,
    ))
}

async fn fetch(caller: Caller<ReadClientGrants>, params: Params) -> Result<HttpResponse> {
    Ok(json_text(200, super::fetch(&caller, &params.path("id")?).await?.document()?))
}

async fn update(caller: Caller<UpdateClientGrants>, params: Params, body: Body) -> Result<HttpResponse> {
    let id = params.path("id")?;
    let body = body.read().await?;
    let changed = super::update(&caller, &id, &ClientGrantPatch::read(&body.object()?)?).await?;
    Ok(json_text(200, changed.document()?))
}

async fn delete(caller: Caller<DeleteClientGrants>, params: Params) -> Result<HttpResponse> {
    super::delete(&caller, &params.path("id")?).await?;
    Ok(no_content())
}

/// Which grants a list is asked for. An empty parameter counts as none.
fn filter(params: &Params) -> Result<Filter> {
    let text = |name| Ok::<_, crate::base::error::Error>(params.query(name)?.filter(|text| !text.is_empty()));
    let subject_type = text("subject_type")?;
    if let Some(other) = subject_type.as_deref().filter(|subject| !SUBJECT_TYPES.contains(subject)) {
        let reason = format!("No enum match for: {}", other.chars().take(100).collect::<String>());
        let fault =
            Fault::of("subject_type", "The type of application access the client grant allows", reason);
        return Err(refusal(Part::Query, &[fault]));
    }
    Ok(Filter {
        audience: text("audience")?,
        client_id: text("client_id")?,
        subject_type,
        allow_any_organization: params
            .boolean("allow_any_organization", "Optional filter on allow_any_organization")?,
    })
}
