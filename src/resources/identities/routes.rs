//! The endpoints of identities, and of lists that are empty for every user.

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde_json::json;

use super::model::Secondary;
use crate::auth::scopes::{ReadEnrollments, ReadUserOrganizations, UpdateIdentities};
use crate::base::error::Error;
use crate::base::page::List;
use crate::http::endpoint::endpoint;
use crate::http::page::listed;
use crate::http::params::Params;
use crate::http::render::{json_text, json_value};
use crate::http::{Body, Caller, Endpoint};

pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/api/v2/users/{id}/identities", link),
        endpoint(Method::DELETE, "/api/v2/users/{id}/identities/{provider}/{user_id}", unlink),
        endpoint(Method::GET, "/api/v2/users/{id}/organizations", organizations),
        endpoint(Method::GET, "/api/v2/users/{id}/enrollments", enrollments),
    ]
}

async fn link(caller: Caller<UpdateIdentities>, params: Params, body: Body) -> Result<HttpResponse, Error> {
    let id = params.user_id("id")?;
    let secondary = body.parse::<Secondary>().await?;
    Ok(json_text(201, super::link(&caller, &id, secondary).await?))
}

async fn unlink(caller: Caller<UpdateIdentities>, params: Params) -> Result<HttpResponse, Error> {
    let (id, identity) = (params.user_id("id")?, params.identity("provider", "user_id")?);
    Ok(json_text(200, super::unlink(&caller, &id, &identity).await?))
}

async fn organizations(caller: Caller<ReadUserOrganizations>, params: Params) -> Result<HttpResponse, Error> {
    let (id, page) = (params.user_id("id")?, params.page(1)?);
    super::organizations(&caller, &id).await?;
    Ok(listed("organizations", &page, &List { total: Some(0), ..List::default() }))
}

async fn enrollments(caller: Caller<ReadEnrollments>, params: Params) -> Result<HttpResponse, Error> {
    super::enrollments(&caller, &params.user_id("id")?).await?;
    Ok(json_value(200, &json!([])))
}
