//! The endpoints of user blocks.

use actix_web::HttpResponse;
use actix_web::http::Method;

use super::Account;
use crate::auth::scopes::{ReadUserBlocks, UpdateUserBlocks};
use crate::base::error::{Result, codes};
use crate::http::endpoint::endpoint;
use crate::http::params::Params;
use crate::http::render::{json_text, no_content};
use crate::http::{Caller, Endpoint};

pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/api/v2/user-blocks", list_by_identifier),
        endpoint(Method::DELETE, "/api/v2/user-blocks", delete_by_identifier),
        endpoint(Method::GET, "/api/v2/user-blocks/{id}", list),
        endpoint(Method::DELETE, "/api/v2/user-blocks/{id}", delete),
    ]
}

async fn list(caller: Caller<ReadUserBlocks>, params: Params) -> Result<HttpResponse> {
    let account = Account::User(params.user_id("id")?);
    blocks(&caller, &account, &params).await
}

async fn list_by_identifier(caller: Caller<ReadUserBlocks>, params: Params) -> Result<HttpResponse> {
    let account = identifier(&params)?;
    blocks(&caller, &account, &params).await
}

async fn delete(caller: Caller<UpdateUserBlocks>, params: Params) -> Result<HttpResponse> {
    super::delete(&caller, &Account::User(params.user_id("id")?)).await?;
    Ok(no_content())
}

async fn delete_by_identifier(caller: Caller<UpdateUserBlocks>, params: Params) -> Result<HttpResponse> {
    super::delete(&caller, &identifier(&params)?).await?;
    Ok(no_content())
}

async fn blocks(caller: &Caller<ReadUserBlocks>, account: &Account, params: &Params) -> Result<HttpResponse> {
    let only_where_enabled = params.boolean(
        "consider_brute_force_enablement",
        "If true and Brute Force Protection is enabled, will return a list of blocked IP addresses",
    )?;
    let blocks = super::list(caller, account, only_where_enabled.unwrap_or(false)).await?;
    Ok(json_text(200, format!("{{\"blocked_for\":{blocks}}}")))
}

fn identifier(params: &Params) -> Result<Account> {
    let given = params.query("identifier")?.filter(|text| !text.is_empty());
    given.map(Account::Identifier).ok_or_else(|| {
        codes::INVALID_QUERY.with_message("Query validation error: 'Missing required property: identifier'.")
    })
}
