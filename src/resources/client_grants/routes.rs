use actix_web::HttpResponse;
use actix_web::http::Method;

use super::model::{ClientGrant, ClientGrantPatch, Filter, NewClientGrant, SUBJECT_TYPE, SUBJECT_TYPES};
use crate::auth::scopes::{CreateClientGrants, DeleteClientGrants, ReadClientGrants, UpdateClientGrants};
use crate::base::error::{Error, Result};
use crate::base::schema::{Part, Violation, validation_error};
use crate::http::endpoint::endpoint;
use crate::http::page::listed_with_links;
use crate::http::params::Params;
use crate::http::render::{json_text, no_content};
use crate::http::{Body, Caller, Endpoint};

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
    let created = super::create(&caller, body.parse::<NewClientGrant>().await?).await?;
    Ok(json_text(201, created.document()?))
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
    let updated = super::update(&caller, &id, &body.parse::<ClientGrantPatch>().await?).await?;
    Ok(json_text(200, updated.document()?))
}

async fn delete(caller: Caller<DeleteClientGrants>, params: Params) -> Result<HttpResponse> {
    super::delete(&caller, &params.path("id")?).await?;
    Ok(no_content())
}

/// The filter parameters of a list. An empty parameter counts as absent.
fn filter(params: &Params) -> Result<Filter> {
    let text = |name| Ok::<_, Error>(params.query(name)?.filter(|text| !text.is_empty()));
    let subject_type = text("subject_type")?;
    if let Some(other) = subject_type.as_deref().filter(|subject| !SUBJECT_TYPES.contains(subject)) {
        let reason = format!("No enum match for: {}", other.chars().take(100).collect::<String>());
        return Err(validation_error(Part::Query, &[Violation::of("subject_type", SUBJECT_TYPE, reason)]));
    }
    Ok(Filter {
        audience: text("audience")?,
        client_id: text("client_id")?,
        subject_type,
        allow_any_organization: params
            .boolean("allow_any_organization", "Optional filter on allow_any_organization")?,
    })
}
