//! The endpoints of tenant settings.

use actix_web::HttpResponse;
use actix_web::http::Method;

use super::model::SettingsPatch;
use crate::auth::scopes::{ReadTenantSettings, UpdateTenantSettings};
use crate::base::error::Result;
use crate::http::conditional::Preconditions;
use crate::http::endpoint::endpoint;
use crate::http::params::Params;
use crate::http::render::{json_text, tagged};
use crate::http::{Body, Caller, Endpoint};

const PATH: &str = "/api/v2/tenants/settings";

pub fn routes() -> Vec<Endpoint> {
    vec![endpoint(Method::GET, PATH, fetch), endpoint(Method::PATCH, PATH, update)]
}

async fn fetch(
    caller: Caller<ReadTenantSettings>,
    params: Params,
    conditions: Preconditions,
) -> Result<HttpResponse> {
    let fields = params.fields()?;
    let settings = super::fetch(&caller).await?;
    let etag = settings.etag.clone();
    conditions.answer(&etag, || Ok(json_text(200, settings.document(&fields)?)))
}

async fn update(
    caller: Caller<UpdateTenantSettings>,
    conditions: Preconditions,
    body: Body,
) -> Result<HttpResponse> {
    let patch = body.parse::<SettingsPatch>().await?;
    let settings = super::update(&caller, patch, conditions.if_match).await?;
    let etag = settings.etag.clone();
    Ok(tagged(json_text(200, settings.changed_document()?), &etag))
}
