//! The endpoints of credentials.

use actix_web::HttpResponse;
use actix_web::http::Method;

use super::model::{NewCredential, read_expiry};
use crate::auth::scopes::{
    CreateClientCredentials, DeleteClientCredentials, ReadClientCredentials, UpdateClientCredentials,
};
use crate::base::error::Result;
use crate::http::endpoint::endpoint;
use crate::http::params::Params;
use crate::http::render::{json_value, no_content};
use crate::http::{Body, Caller, Endpoint};

/// The routes of credentials.
pub fn routes() -> Vec<Endpoint> {
    const ALL: &str = "/api/v2/clients/{id}/credentials";
    const ONE: &str = "/api/v2/clients/{id}/credentials/{credential_id}";
    vec![
        endpoint(Method::POST, ALL, create),
        endpoint(Method::GET, ALL, list),
        endpoint(Method::GET, ONE, fetch),
        endpoint(Method::PATCH, ONE, update),
        endpoint(Method::DELETE, ONE, delete),
    ]
}

async fn create(caller: Caller<CreateClientCredentials>, params: Params, body: Body) -> Result<HttpResponse> {
    let id = params.path("id")?;
    let body = body.read().await?;
    let made = super::create(&caller, &id, &NewCredential::read(&body.object()?)?).await?;
    Ok(json_value(201, &made.document(true)))
}

async fn list(caller: Caller<ReadClientCredentials>, params: Params) -> Result<HttpResponse> {
    let found = super::list(&caller, &params.path("id")?).await?;
    Ok(json_value(200, &found.into_iter().map(|one| one.document(false)).collect::<Vec<_>>()))
}

async fn fetch(caller: Caller<ReadClientCredentials>, params: Params) -> Result<HttpResponse> {
    let found = super::fetch(&caller, &params.path("id")?, &params.path("credential_id")?).await?;
    Ok(json_value(200, &found.document(false)))
}

async fn update(caller: Caller<UpdateClientCredentials>, params: Params, body: Body) -> Result<HttpResponse> {
    let (client_id, id) = (params.path("id")?, params.path("credential_id")?);
    let body = body.read().await?;
    let changed = super::update(&caller, &client_id, &id, read_expiry(&body.object()?)?).await?;
    Ok(json_value(200, &changed.document(false)))
}

async fn delete(caller: Caller<DeleteClientCredentials>, params: Params) -> Result<HttpResponse> {
    super::delete(&caller, &params.path("id")?, &params.path("credential_id")?).await?;
    Ok(no_content())
}
