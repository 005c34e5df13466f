//! The endpoint that deletes a user of a connection by e-mail address.

use actix_web::HttpResponse;
use actix_web::http::Method;

use crate::auth::scopes::DeleteConnectionUsers;
use crate::base::error::Result;
use crate::http::endpoint::endpoint;
use crate::http::params::Params;
use crate::http::render::no_content;
use crate::http::{Caller, Endpoint};

pub fn routes() -> Vec<Endpoint> {
    vec![endpoint(Method::DELETE, "/api/v2/connections/{id}/users", delete_user)]
}

async fn delete_user(caller: Caller<DeleteConnectionUsers>, params: Params) -> Result<HttpResponse> {
    super::delete_user(&caller, &params.path("id")?, &params.required("email")?).await?;
    Ok(no_content())
}
