use actix_web::HttpResponse;
use actix_web::http::Method;

use super::document::{Client, View};
use super::filter::{Filter, Granted};
use super::model::{ClientPatch, NewClient};
use crate::app::Context;
use crate::auth::scopes::{CreateClients, DeleteClients, ReadClients, RotateClientSecrets, UpdateClients};
use crate::base::error::{Error, Result};
use crate::base::fields::Fields;
use crate::base::json::{FromBody, Object};
use crate::base::schema::{Part, Text, Violation, reject};
use crate::http::conditional::Preconditions;
use crate::http::endpoint::endpoint;
use crate::http::page::listed_with_links;
use crate::http::params::Params;
use crate::http::render::{json_text, no_content, tagged};
use crate::http::{Body, Caller, Endpoint};

/// Paths in Auth0's documentation that differ from its API reference, with a method where only that method
/// has an alias: alias, canonical path.
const PATH_ALIASES: [(&str, &str); 2] =
    [("/api/v2/client/{id}", "/api/v2/clients/{id}"), ("POST /api/v2/applications", "POST /api/v2/clients")];

/// Members of bodies in Auth0's documentation that differ from its API reference: alias, canonical name.
const MEMBER_ALIASES: [(&str, &str); 1] = [("clientMetadata", "client_metadata")];

pub fn routes() -> Vec<Endpoint> {
    let canonical = || {
        vec![
            endpoint(Method::POST, "/api/v2/clients", create),
            endpoint(Method::GET, "/api/v2/clients", list),
            endpoint(Method::GET, "/api/v2/clients/{id}", fetch),
            endpoint(Method::PATCH, "/api/v2/clients/{id}", update),
            endpoint(Method::DELETE, "/api/v2/clients/{id}", delete),
            endpoint(Method::POST, "/api/v2/clients/{id}/rotate-secret", rotate_secret),
        ]
    };
    let aliases = |(alias, target): (&'static str, &str)| {
        let path = alias.rsplit(' ').next().unwrap_or(alias);
        let is_target = move |e: &Endpoint| e.path == target || format!("{} {}", e.method, e.path) == target;
        let endpoints: Vec<_> = canonical().into_iter().filter(is_target).collect();
        endpoints.into_iter().map(move |endpoint| Endpoint { path, ..endpoint })
    };
    canonical().into_iter().chain(PATH_ALIASES.into_iter().flat_map(aliases)).collect()
}

/// Parses a body whose members may have aliases.
async fn parse<T: FromBody>(body: Body) -> Result<T> {
    let body = body.read().await?;
    T::from_body(&MEMBER_ALIASES.into_iter().try_fold(body.object()?, rename)?)
}

fn rename<'a>(body: Object<'a>, (alias, name): (&str, &str)) -> Result<Object<'a>> {
    let has_both = body.get(alias).is_some() && body.get(name).is_some();
    let violation = has_both.then(|| Violation::of_root(format!("Send {name} or {alias}, not both")));
    reject(Part::Payload, violation.as_slice())?;
    Ok(body.renamed(alias, name))
}

async fn create(caller: Caller<CreateClients>, body: Body) -> Result<HttpResponse> {
    let created = super::create(&caller, parse::<NewClient>(body).await?).await?;
    answer(201, &caller, super::view(&caller).of_creator(), &Fields::default(), created)
}

async fn list(caller: Caller<ReadClients>, params: Params) -> Result<HttpResponse> {
    let (page, view, keys) = (params.page(0)?, super::view(&caller), super::signing_keys(&caller));
    let (filter, fields) = (filter(&params)?, visible_fields(&params, view)?);
    let found = super::list(&caller, &filter, &page).await?;
    let found = found.try_map(|client| client.document(view, &fields, &keys))?;
    Ok(listed_with_links(&caller.origin, &params, "clients", &page, &found))
}

async fn fetch(
    caller: Caller<ReadClients>,
    params: Params,
    conditions: Preconditions,
) -> Result<HttpResponse> {
    let (id, view) = (params.path("id")?, super::view(&caller));
    let fields = visible_fields(&params, view)?;
    let client = super::fetch(&caller, &id).await?;
    let etag = client.etag.clone();
    conditions.answer(&etag, || answer(200, &caller, view, &fields, client))
}

async fn update(
    caller: Caller<UpdateClients>,
    params: Params,
    conditions: Preconditions,
    body: Body,
) -> Result<HttpResponse> {
    let (id, view) = (params.path("id")?, View { all: true, ..super::view(&caller) });
    let patch = parse::<ClientPatch>(body).await?;
    let updated = super::update(&caller, &id, patch, conditions.if_match).await?;
    answer(200, &caller, view, &Fields::default(), updated)
}

async fn rotate_secret(caller: Caller<RotateClientSecrets>, params: Params) -> Result<HttpResponse> {
    let rotated = super::rotate_secret(&caller, &params.path("id")?).await?;
    let view = View { all: true, ..super::view(&caller) };
    answer(200, &caller, view, &Fields::default(), rotated)
}

async fn delete(caller: Caller<DeleteClients>, params: Params) -> Result<HttpResponse> {
    super::delete(&caller, &params.path("id")?).await?;
    Ok(no_content())
}

fn answer(status: u16, ctx: &Context, view: View, fields: &Fields, client: Client) -> Result<HttpResponse> {
    let etag = client.etag.clone();
    Ok(tagged(json_text(status, client.document(view, fields, &super::signing_keys(ctx))?), &etag))
}

/// The `fields` parameters; 403 if they name a secret that the caller cannot see.
fn visible_fields(params: &Params, view: View) -> Result<Fields> {
    let fields = params.fields()?;
    view.check(&fields, params.query("fields")?.as_deref())?;
    Ok(fields)
}

/// The filter parameters of a list. An empty parameter counts as absent.
fn filter(params: &Params) -> Result<Filter> {
    let text = |name| Ok::<_, Error>(params.query(name)?.filter(|text| !text.is_empty()));
    let app_types = text("app_type")?.map(|types| types.split(',').map(|t| t.trim().to_owned()).collect());
    let is_global = params.boolean("is_global", "Optional filter on the global client parameter")?;
    let is_first_party =
        params.boolean("is_first_party", "Optional filter on whether a client is first-party")?;
    let external_client_id = text("external_client_id")?;
    check_external_client_id(external_client_id.as_deref())?;
    let granted = text("q")?.as_deref().map(Granted::parse).transpose()?;
    if granted.is_some() {
        let has_other = app_types.is_some() || is_first_party.is_some() || external_client_id.is_some();
        if has_other || is_global.is_some() {
            let reason = "Cannot be used in combination with other filters";
            reject(Part::Query, &[Violation::of("q", "", reason)])?;
        }
    }
    let is_global = is_global.unwrap_or(false);
    Ok(Filter { app_types, is_global, is_first_party, external_client_id, granted })
}

fn check_external_client_id(id: Option<&str>) -> Result<()> {
    let about = "Optional filter by the Client ID Metadata Document URI";
    let violation = id.and_then(|id| Text::between(1, 120).violation(id));
    let violation = violation.map(|reason| Violation::of("external_client_id", about, reason));
    reject(Part::Query, violation.as_slice())
}
