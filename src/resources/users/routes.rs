//! The endpoints of users.

use actix_web::HttpResponse;
use actix_web::http::Method;

use super::list::{Query, Sort, check_search_engine};
use super::model::{NewUser, UserPatch};
use crate::auth::scopes::{CreateUsers, DeleteUsers, ListUsers, ReadUsers, UpdateUsers};
use crate::base::error::Error;
use crate::base::fields::Fields;
use crate::base::schema::{Part, Violation, validation_error};
use crate::http::conditional::Preconditions;
use crate::http::endpoint::endpoint;
use crate::http::page::{array, listed_with_length};
use crate::http::params::Params;
use crate::http::render::{json_text, no_content, tagged};
use crate::http::{Body, Caller, Endpoint};

pub fn routes() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/api/v2/users", create),
        endpoint(Method::GET, "/api/v2/users", list),
        endpoint(Method::GET, "/api/v2/users-by-email", by_email),
        endpoint(Method::GET, "/api/v2/users/{id}", fetch),
        endpoint(Method::PATCH, "/api/v2/users/{id}", update),
        endpoint(Method::DELETE, "/api/v2/users/{id}", delete),
    ]
}

async fn create(caller: Caller<CreateUsers>, body: Body) -> Result<HttpResponse, Error> {
    let user = super::create(&caller, body.parse::<NewUser>().await?).await?;
    Ok(tagged(json_text(201, user.document(&Fields::default())?), &user.etag()))
}

async fn list(caller: Caller<ListUsers>, params: Params) -> Result<HttpResponse, Error> {
    let (query, fields) = (query(&params)?, params.fields()?);
    let page = query.page.clone();
    let users = super::list::list(&caller, query).await?;
    Ok(listed_with_length("users", &page, &users.try_map(|user| user.document(&fields))?))
}

async fn by_email(caller: Caller<ListUsers>, params: Params) -> Result<HttpResponse, Error> {
    let fields = params.fields()?;
    let users = super::list::by_email(&caller, &params.required("email")?).await?;
    let documents = users.iter().map(|user| user.document(&fields)).collect::<Result<Vec<_>, _>>()?;
    Ok(json_text(200, array(&documents)))
}

async fn fetch(
    caller: Caller<ReadUsers>,
    params: Params,
    conditions: Preconditions,
) -> Result<HttpResponse, Error> {
    let id = params.user_id("id")?;
    let fields = params.fields()?;
    let user = super::fetch(&caller, &id).await?;
    conditions.answer(&user.etag(), || Ok(json_text(200, user.document(&fields)?)))
}

async fn update(
    caller: Caller<UpdateUsers>,
    params: Params,
    conditions: Preconditions,
    body: Body,
) -> Result<HttpResponse, Error> {
    let id = params.user_id("id")?;
    let patch = body.parse::<UserPatch>().await?;
    let user = super::update(&caller, &id, patch, conditions.if_match).await?;
    Ok(tagged(json_text(200, user.document(&Fields::default())?), &user.etag()))
}

async fn delete(
    caller: Caller<DeleteUsers>,
    params: Params,
    conditions: Preconditions,
) -> Result<HttpResponse, Error> {
    super::delete(&caller, &params.user_id("id")?, conditions.if_match.as_deref()).await?;
    Ok(no_content())
}

/// Which users a list is asked for. An empty parameter counts as none.
fn query(params: &Params) -> Result<Query, Error> {
    let text = |name| Ok::<_, Error>(params.query(name)?.filter(|text| !text.is_empty()));
    let invalid =
        |name, about, reason: String| validation_error(Part::Query, &[Violation::of(name, about, reason)]);
    check_search_engine(text("search_engine")?.as_deref())?;
    params.boolean("primary_order", "If true (default), results are returned in a deterministic order")?;
    let sort = text("sort")?.map(|text| Sort::parse(&text)).transpose();
    let about = "Field to sort by. Use field:order where order is 1 for ascending and -1 for descending. e.g. created_at:1";
    Ok(Query {
        sort: sort.map_err(|reason| invalid("sort", about, reason))?,
        q: text("q")?,
        connection: text("connection")?,
        page: params.page(0)?,
    })
}
