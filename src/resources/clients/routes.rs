//! The endpoints of clients.

use actix_web::HttpResponse;
use actix_web::http::Method;

use super::model::{Client, ClientPatch, Filter, NewClient, View, read_query};
use crate::app::Context;
use crate::auth::scopes::{CreateClients, DeleteClients, ReadClients, RotateClientSecrets, UpdateClients};
use crate::base::error::Result;
use crate::base::fields::Fields;
use crate::base::json::Object;
use crate::base::page::Page;
use crate::base::schema::{Fault, Part, Text, refuse};
use crate::http::conditional::Preconditions;
use crate::http::endpoint::endpoint;
use crate::http::page::listed;
use crate::http::params::Params;
use crate::http::render::{json_text, no_content, tagged};
use crate::http::{Body, Caller, Endpoint};

/// Other spellings that Auth0's documentation has, and what they stand for: paths, with a method where it is one alone,
/// and members of bodies.
const SPELLINGS: [(&str, &str); 3] = [
    ("/api/v2/client/{id}", "/api/v2/clients/{id}"),
    ("POST /api/v2/applications", "POST /api/v2/clients"),
    ("clientMetadata", "client_metadata"),
];

/// The routes of clients.
pub fn routes() -> Vec<Endpoint> {
    let own = || {
        vec![
            endpoint(Method::POST, "/api/v2/clients", create),
            endpoint(Method::GET, "/api/v2/clients", list),
            endpoint(Method::GET, "/api/v2/clients/{id}", fetch),
            endpoint(Method::PATCH, "/api/v2/clients/{id}", update),
            endpoint(Method::DELETE, "/api/v2/clients/{id}", delete),
            endpoint(Method::POST, "/api/v2/clients/{id}/rotate-secret", rotate_secret),
        ]
    };
    let spelled = |(other, meant): (&'static str, &str)| {
        let path = other.rsplit(' ').next().unwrap_or(other);
        let is_meant = move |e: &Endpoint| e.path == meant || format!("{} {}", e.method, e.path) == meant;
        let found: Vec<_> = own().into_iter().filter(is_meant).collect();
        found.into_iter().map(move |endpoint| Endpoint { path, ..endpoint })
    };
    own().into_iter().chain(SPELLINGS.into_iter().flat_map(spelled)).collect()
}

/// A body with its members under their proper names.
fn proper(body: Object<'_>) -> Result<Object<'_>> {
    SPELLINGS.into_iter().try_fold(body, |body, (other, meant)| {
        let both = body.get(other).is_some() && body.get(meant).is_some();
        let fault = both.then(|| Fault::of_root(format!("Send {meant} or {other}, not both")));
        refuse(Part::Payload, fault.as_slice())?;
        Ok(body.renamed(other, meant))
    })
}

async fn create(caller: Caller<CreateClients>, body: Body) -> Result<HttpResponse> {
    let body = body.read().await?;
    let made = super::create(&caller, NewClient::read(&proper(body.object()?)?)?).await?;
    whole(201, &caller, super::view(&caller).of_maker(), &Fields::default(), made)
}

async fn list(caller: Caller<ReadClients>, params: Params) -> Result<HttpResponse> {
    let (page, view, keys) = (params.page(0)?, super::view(&caller), super::signing_keys(&caller));
    let (filter, fields) = (filter(&params, &page)?, visible(&params, view)?);
    let found = super::list(&caller, &filter, &page).await?;
    Ok(listed("clients", &page, &found.try_map(|client| client.document(view, &fields, &keys))?))
}

async fn fetch(
    caller: Caller<ReadClients>,
    params: Params,
    conditions: Preconditions,
) -> Result<HttpResponse> {
    let (id, view) = (params.path("id")?, super::view(&caller));
    let fields = visible(&params, view)?;
    let client = super::fetch(&caller, &id).await?;
    let etag = client.etag.clone();
    conditions.answer(&etag, || whole(200, &caller, view, &fields, client))
}

async fn update(
    caller: Caller<UpdateClients>,
    params: Params,
    conditions: Preconditions,
    body: Body,
) -> Result<HttpResponse> {
    let (id, view) = (params.path("id")?, View { all: true, ..super::view(&caller) });
    let fields = visible(&params, view)?;
    let body = body.read().await?;
    let patch = ClientPatch::read(&proper(body.object()?)?)?;
    whole(200, &caller, view, &fields, super::update(&caller, &id, patch, conditions.if_match).await?)
}

async fn rotate_secret(caller: Caller<RotateClientSecrets>, params: Params) -> Result<HttpResponse> {
    let rotated = super::rotate_secret(&caller, &params.path("id")?).await?;
    let view = View { all: true, ..super::view(&caller) };
    whole(200, &caller, view, &Fields::default(), rotated)
}

async fn delete(caller: Caller<DeleteClients>, params: Params) -> Result<HttpResponse> {
    super::delete(&caller, &params.path("id")?).await?;
    Ok(no_content())
}

/// One client, as far as it is to be seen.
fn whole(status: u16, ctx: &Context, view: View, fields: &Fields, client: Client) -> Result<HttpResponse> {
    let etag = client.etag.clone();
    Ok(tagged(json_text(status, client.document(view, fields, &super::signing_keys(ctx))?), &etag))
}

fn visible(params: &Params, view: View) -> Result<Fields> {
    let fields = params.fields()?;
    view.check(&fields, params.query("fields")?.as_deref())?;
    Ok(fields)
}

/// Which clients a list is asked for. An empty parameter counts as none.
fn filter(params: &Params, page: &Page) -> Result<Filter> {
    let text = |name| Ok::<_, crate::base::error::Error>(params.query(name)?.filter(|text| !text.is_empty()));
    let about = "Optional filter by the Client ID Metadata Document URI";
    let external_client_id = text("external_client_id")?;
    let fault = external_client_id.as_deref().and_then(|id| Text::between(1, 120).fault(id));
    refuse(Part::Query, fault.map(|reason| Fault::of("external_client_id", about, reason)).as_slice())?;
    let app_types = text("app_type")?.map(|types| types.split(',').map(|t| t.trim().to_owned()).collect());
    let is_global = params.boolean("is_global", "Optional filter on the global client parameter")?;
    let is_first_party =
        params.boolean("is_first_party", "Optional filter on whether a client is first-party")?;
    let granted = text("q")?.as_deref().map(read_query).transpose()?;
    if granted.is_some() {
        let fault = |reason: &str| refuse(Part::Query, &[Fault::of("q", "", reason)]);
        if app_types.is_some()
            || is_global.is_some()
            || is_first_party.is_some()
            || external_client_id.is_some()
        {
            fault("Cannot be used in combination with other filters")?;
        }
        if !matches!(page, Page::Checkpoint { .. }) {
            fault("Requires the from and take paging parameters")?;
        }
    }
    Ok(Filter {
        app_types,
        is_global: is_global.unwrap_or(false),
        is_first_party,
        external_client_id,
        granted,
    })
}
