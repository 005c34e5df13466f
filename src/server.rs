//! The assembled application: the registration tables, the middleware of every request, and the sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::middleware::from_fn;
use actix_web::{App as ActixApp, FromRequest, HttpRequest, HttpResponse, HttpServer, ResponseError, web};
use anyhow::Context;
use serde_json::json;

use crate::app::App;
use crate::base::error::{Error, codes};
use crate::db::batch::RegisteredBatch as _;
use crate::db::{Registration, Statement};
use crate::http::endpoint::endpoint;
use crate::http::render::json_value;
use crate::http::{Endpoint, Visitor, cors, load, log};
use crate::resources::users;

/// The routes of all resources.
const RESOURCES: &[fn() -> Vec<Endpoint>] = &[
    health,
    crate::oauth::routes::routes,
    crate::resources::users::routes::routes,
    crate::resources::users::erasure::routes::routes,
    crate::resources::resource_servers::routes::routes,
    crate::resources::clients::routes::routes,
    crate::resources::clients::credentials::routes::routes,
    crate::resources::client_grants::routes::routes,
    crate::resources::organizations::routes::routes,
    crate::resources::tenant_settings::routes::routes,
    crate::resources::roles::routes::routes,
    crate::resources::permissions::routes::routes,
    crate::resources::identities::routes::routes,
    crate::resources::connections::routes::routes,
    crate::resources::connections::clients::routes::routes,
    crate::resources::tickets::routes::routes,
    crate::resources::jobs::routes::routes,
    crate::resources::dbconnections::routes::routes,
    crate::resources::user_blocks::routes::routes,
    crate::oauth::userinfo::routes::routes,
    crate::resources::stubs::routes::routes,
];

/// The batched statements and the searches, which have their own connections.
pub const COMPONENTS: &[Registration] = &[
    users::store::Fetch::REGISTRATION,
    users::store::Update::REGISTRATION,
    users::store::Create::REGISTRATION,
    crate::resources::connections::store::FindByName::REGISTRATION,
    crate::oauth::store::Clients::REGISTRATION,
    users::search::Searches::REGISTRATION,
];

/// All routes.
pub fn endpoints() -> Vec<Endpoint> {
    RESOURCES.iter().flat_map(|routes| routes()).collect()
}

/// All statements except those that search builds.
pub fn statements() -> Vec<&'static Statement> {
    let lists: &[&[&'static Statement]] = &[
        crate::db::wait::STATEMENTS,
        crate::db::migrate::STATEMENTS,
        crate::tenancy::store::STATEMENTS,
        crate::tenant_files::store::STATEMENTS,
        crate::oauth::store::STATEMENTS,
        crate::resources::connections::store::STATEMENTS,
        crate::resources::connections::clients::store::STATEMENTS,
        crate::resources::users::erasure::store::STATEMENTS,
        crate::resources::users::store::STATEMENTS,
        crate::resources::resource_servers::store::STATEMENTS,
        crate::resources::clients::store::STATEMENTS,
        crate::resources::clients::credentials::store::STATEMENTS,
        crate::resources::client_grants::store::STATEMENTS,
        crate::resources::organizations::store::STATEMENTS,
        crate::resources::tenant_settings::store::STATEMENTS,
        crate::resources::roles::store::STATEMENTS,
        crate::resources::permissions::store::STATEMENTS,
        crate::resources::identities::store::STATEMENTS,
        crate::resources::users::list::store::STATEMENTS,
        crate::resources::users::search::indexes::STATEMENTS,
        crate::resources::tickets::store::STATEMENTS,
        crate::resources::jobs::store::STATEMENTS,
        crate::mail::store::STATEMENTS,
        crate::resources::logins::store::STATEMENTS,
        crate::resources::user_blocks::store::STATEMENTS,
        crate::oauth::userinfo::store::STATEMENTS,
        crate::keys::store::STATEMENTS,
    ];
    lists.concat()
}

fn health() -> Vec<Endpoint> {
    async fn live() -> HttpResponse {
        json_value(200, &json!({ "status": "live" }))
    }
    async fn ready(app: web::Data<App>) -> Result<HttpResponse, Error> {
        app.db.ready().await?;
        Ok(json_value(200, &json!({ "status": "ready" })))
    }
    vec![endpoint(Method::GET, "/health/live", live), endpoint(Method::GET, "/health/ready", ready)]
}

/// Registers all routes. Other methods of a path respond with 405, other paths with 404. `OPTIONS` is the preflight of
/// a path whose responses are shared.
fn routes(config: &mut web::ServiceConfig) {
    let mut endpoints = endpoints();
    while let Some(path) = endpoints.first().map(|e| e.path) {
        let (here, others): (Vec<_>, Vec<_>) = endpoints.into_iter().partition(|e| e.path == path);
        endpoints = others;
        let methods = here.iter().flat_map(|e| match e.method {
            Method::GET => vec!["GET", "HEAD"],
            _ => vec![e.method.as_str()],
        });
        let allowed = methods.collect::<Vec<_>>().join(", ");
        let sharing = here.iter().find_map(|e| e.sharing);
        let mut resource = web::resource(path).app_data(log::Route(path));
        if let Some(sharing) = sharing {
            resource = resource.app_data(sharing);
        }
        let resource = here.into_iter().fold(resource, |resource, endpoint| resource.route(endpoint.route));
        config.service(resource.default_service(web::to(move |request: HttpRequest| {
            let allowed = allowed.clone();
            async move {
                if let Some(sharing) = sharing.filter(|_| cors::is_preflight(&request)) {
                    let visitor = Visitor::extract(&request).await?;
                    return cors::preflight(&request, &visitor, sharing, &allowed).await;
                }
                let mut response = Error::from(codes::METHOD_NOT_ALLOWED).error_response();
                if let Ok(value) = HeaderValue::from_str(&allowed) {
                    response.headers_mut().insert(ALLOW, value);
                }
                Ok::<_, Error>(response)
            }
        })));
    }
    config.default_service(web::to(|| async { Error::from(codes::NOT_FOUND).error_response() }));
}

/// The addresses and threads of a server.
pub struct Sockets {
    /// The address for plain HTTP.
    pub http: Option<SocketAddr>,
    /// The address for HTTPS, with its certificate.
    pub https: Option<(SocketAddr, rustls::ServerConfig)>,
    /// The number of threads; default: the number of cores.
    pub workers: Option<usize>,
    /// How long a connection without a request stays open.
    pub keep_alive: Duration,
    /// The time limit for the head of a request.
    pub header_timeout: Duration,
    /// The time that open requests have to finish when the server stops.
    pub shutdown_timeout: Duration,
}

/// A listening server.
pub struct Running {
    /// Stops the server.
    pub handle: ServerHandle,
    /// Resolves after the server has stopped.
    pub server: Server,
    /// The bound address for HTTP.
    pub http: Option<SocketAddr>,
    /// The bound address for HTTPS.
    pub https: Option<SocketAddr>,
}

/// Starts to listen. The caller handles signals.
pub fn start(app: Arc<App>, sockets: Sockets) -> anyhow::Result<Running> {
    let data = web::Data::from(app);
    let mut server = HttpServer::new(move || {
        // The last middleware is the outermost one.
        ActixApp::new()
            .app_data(data.clone())
            .wrap(from_fn(load::limit))
            .wrap(from_fn(log::line))
            .configure(routes)
    })
    .disable_signals()
    .tcp_nodelay(true)
    .keep_alive(sockets.keep_alive)
    .client_request_timeout(sockets.header_timeout)
    .shutdown_timeout(sockets.shutdown_timeout.as_secs());
    if let Some(workers) = sockets.workers {
        server = server.workers(workers);
    }
    let failed = |address: SocketAddr| {
        format!(
            "cannot listen on {address}: is it in use? Choose another address, or port 0 for any free port"
        )
    };
    let (mut http, mut https) = (None, None);
    if let Some(address) = sockets.http {
        server = server.bind(address).with_context(|| failed(address))?;
        http = server.addrs().last().copied();
    }
    if let Some((address, tls)) = sockets.https {
        server = server.bind_rustls_0_23(address, tls).with_context(|| failed(address))?;
        https = server.addrs().last().copied();
    }
    let server = server.run();
    Ok(Running { handle: server.handle(), server, http, https })
}
