//! The endpoints of connections.

use actix_web::HttpResponse;
use actix_web::http::Method;

use super::List;
use crate::auth::scopes::ReadConnections;
use crate::error::Error;
use crate::http::endpoint::endpoint;
use crate::http::params::Params;
use crate::http::render::json_text;
use crate::http::{Caller, Endpoint};
use crate::schema::{Fault, Part, refuse};
use crate::users::model::Fields;

/// The routes of connections.
pub fn routes() -> Vec<Endpoint> {
    vec![endpoint(Method::GET, "/api/v2/connections", list)]
}

async fn list(caller: Caller<ReadConnections>, params: Params) -> Result<HttpResponse, Error> {
    let page = Page::read(&params)?;
    let include = params.boolean(
        "include_fields",
        "<code>true</code> if the fields specified are to be included in the result, <code>false</code> otherwise (defaults to <code>true</code>)",
    )?;
    let fields = Fields::new(params.query("fields")?.as_deref(), include.unwrap_or(true));
    let list = List {
        name: params.query("name")?,
        strategies: params.all("strategy")?,
        start: page.start,
        limit: page.limit,
    };
    let (connections, total) = super::list(&caller, &list, &fields).await?;
    Ok(json_text(200, page.answer("connections", &connections, total)))
}

/// Which part of a list is asked for by `page`, `per_page` and `include_totals`.
pub(crate) struct Page {
    start: i64,
    limit: i64,
    include_totals: bool,
}

impl Page {
    pub(crate) fn read(params: &Params) -> Result<Self, Error> {
        let integer = |name: &'static str, about: &'static str, min: i64, max: i64, default: i64| {
            let Some(text) = params.query(name)? else { return Ok(default) };
            let reason = match text.parse::<i64>() {
                Err(_) => "Expected type integer but found type string".to_owned(),
                Ok(number) if number < min => format!("Value {number} is less than minimum {min}"),
                Ok(number) if number > max => format!("Value {number} is greater than maximum {max}"),
                Ok(number) => return Ok(number),
            };
            refuse(Part::Query, &[Fault::of(name, about, reason)]).map(|()| default)
        };
        let page =
            integer("page", "Page index of the results to return. First page is 0", 0, i64::MAX / 100, 0)?;
        let limit = integer("per_page", "Number of results per page. Defaults to 50", 1, 100, 50)?;
        let include_totals = params.boolean(
            "include_totals",
            "Return results inside an object that contains the total result count (true) or as a direct array of results (false, default)",
        )?;
        Ok(Self { start: page * limit, limit, include_totals: include_totals.unwrap_or(false) })
    }

    pub(crate) fn answer(&self, plural: &str, documents: &[String], total: i64) -> String {
        let array = format!("[{}]", documents.join(","));
        if self.include_totals {
            format!(r#"{{"start":{},"limit":{},"total":{total},"{plural}":{array}}}"#, self.start, self.limit)
        } else {
            array
        }
    }
}
