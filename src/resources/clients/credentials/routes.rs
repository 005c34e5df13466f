use actix_web::HttpResponse;
use actix_web::http::Method;

use super::model::{Credential, CredentialPatch, NewCredential};
use crate::auth::scopes::{
    CreateClientCredentials, DeleteClientCredentials, ReadClientCredentials, UpdateClientCredentials,
};
use crate::base::error::Result;
use crate::http::endpoint::endpoint;
use crate::http::params::Params;
use crate::http::render::{json_value, no_content};
use crate::http::{Body, Caller, Endpoint};

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
    let created = super::create(&caller, &id, &body.parse::<NewCredential>().await?).await?;
    Ok(json_value(201, &created.document()))
}

async fn list(caller: Caller<ReadClientCredentials>, params: Params) -> Result<HttpResponse> {
    let found = super::list(&caller, &params.path("id")?).await?;
    Ok(json_value(200, &found.into_iter().map(Credential::document).collect::<Vec<_>>()))
}

async fn fetch(caller: Caller<ReadClientCredentials>, params: Params) -> Result<HttpResponse> {
    let found = super::fetch(&caller, &params.path("id")?, &params.path("credential_id")?).await?;
    Ok(json_value(200, &found.document()))
}

async fn update(caller: Caller<UpdateClientCredentials>, params: Params, body: Body) -> Result<HttpResponse> {
    let (client_id, id) = (params.path("id")?, params.path("credential_id")?);
    let patch = body.parse::<CredentialPatch>().await?;
    let updated = super::update(&caller, &client_id, &id, &patch.expires_at).await?;
    Ok(json_value(200, &updated.document()))
}

async fn delete(caller: Caller<DeleteClientCredentials>, params: Params) -> Result<HttpResponse> {
    super::delete(&caller, &params.path("id")?, &params.path("credential_id")?).await?;
    Ok(no_content())
}
