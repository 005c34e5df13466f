//! The endpoints of jobs.

use actix_web::HttpResponse;
use actix_web::http::Method;

use super::model::VerificationEmail;
use crate::auth::scopes::{ReadJobs, SendVerificationEmail};
use crate::base::error::Result;
use crate::http::endpoint::endpoint;
use crate::http::params::Params;
use crate::http::render::json_value;
use crate::http::{Body, Caller, Endpoint};

pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/api/v2/jobs/verification-email", send_verification_email),
        endpoint(Method::GET, "/api/v2/jobs/{id}", fetch),
    ]
}

async fn send_verification_email(caller: Caller<SendVerificationEmail>, body: Body) -> Result<HttpResponse> {
    let request = body.parse::<VerificationEmail>().await?;
    Ok(json_value(201, &super::send_verification_email(&caller, request).await?.document()))
}

async fn fetch(caller: Caller<ReadJobs>, params: Params) -> Result<HttpResponse> {
    Ok(json_value(200, &super::fetch(&caller, &params.path("id")?).await?.document()))
}
