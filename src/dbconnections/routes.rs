//! The endpoints of people who make their own users.

use actix_web::HttpResponse;
use actix_web::http::Method;

use super::model::{Signup, SignupError, answer};
use crate::http::endpoint::endpoint;
use crate::http::render::json_value;
use crate::http::{Body, Endpoint, Visitor};

/// The routes.
pub fn routes() -> Vec<Endpoint> {
    vec![endpoint(Method::POST, "/dbconnections/signup", signup)]
}

async fn signup(visitor: Visitor, body: Body) -> Result<HttpResponse, SignupError> {
    let body = body.read().await?;
    let signup = Signup::read(&body.object()?)?;
    let ctx = visitor.context(Some(&signup.client_id));
    let user = super::signup(&ctx, signup).await?;
    Ok(json_value(200, &answer(&user)?))
}
