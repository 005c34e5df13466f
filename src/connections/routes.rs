//! The endpoints of connections.

use actix_web::HttpResponse;
use actix_web::http::Method;

use super::List;
use crate::auth::scopes::ReadConnections;
use crate::error::{Error, codes};
use crate::http::endpoint::endpoint;
use crate::http::page::listed;
use crate::http::params::Params;
use crate::http::{Caller, Endpoint};
use crate::page::{self, Page};
use crate::users::model::Fields;

/// The routes of connections.
pub fn routes() -> Vec<Endpoint> {
    vec![endpoint(Method::GET, "/api/v2/connections", list)]
}

async fn list(caller: Caller<ReadConnections>, params: Params) -> Result<HttpResponse, Error> {
    let page = params.page(1)?;
    if matches!(page, Page::Checkpoint { .. }) {
        return Err(codes::INVALID_QUERY
            .because("Connections are listed by page and per_page, not by from and take."));
    }
    let include = params.boolean(
        "include_fields",
        "<code>true</code> if the fields specified are to be included in the result, <code>false</code> otherwise (defaults to <code>true</code>)",
    )?;
    let fields = Fields::new(params.query("fields")?.as_deref(), include.unwrap_or(true));
    let list = List {
        name: params.query("name")?,
        strategies: params.all("strategy")?,
        start: page.start(),
        limit: page.limit(),
    };
    let (items, total) = super::list(&caller, &list, &fields).await?;
    Ok(listed("connections", &page, &page::List { items, total: Some(total), next: None }))
}
