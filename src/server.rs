//! The assembled application: the registration tables, the middleware of every request, and the sockets.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol};
use actix_server::{GracefulShutdownSignal, ServerBuilder};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_tls::accept::TlsError;
use actix_tls::accept::rustls_0_23::{Acceptor, TlsStream};
use actix_web::dev::{AppConfig, Server, ServerHandle};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::middleware::from_fn;
use actix_web::{App as ActixApp, FromRequest, HttpRequest, HttpResponse, ResponseError, web};
use anyhow::Context;
use serde_json::json;
use socket2::{Domain, Protocol as TransportProtocol, Socket, Type};
use tokio::net::TcpStream;

use crate::app::App;
use crate::base::error::{Error, codes};
use crate::db::batch::RegisteredBatch as _;
use crate::db::{Registration, Statement};
use crate::http::connection::{Connection, SEND_BUFFER, TimeLimits, Transport};
use crate::http::endpoint::endpoint;
use crate::http::html::Pages;
use crate::http::render::json_value;
use crate::http::{Endpoint, Visitor, cors, load, log, respond};
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
    async fn live(app: web::Data<App>) -> Result<HttpResponse, Error> {
        app.ensure_live()?;
        Ok(json_value(200, &json!({ "status": "live" })))
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
    /// How long a client may take no bytes of a response.
    pub write_timeout: Duration,
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

/// The window of an HTTP/2 stream and of a connection: what a client can send before the request is accepted.
/// The buffer of HTTP/1 is as large.
const HTTP2_WINDOW: u32 = 64 * 1024;
const HTTP2_CONNECTION_WINDOW: u32 = 256 * 1024;

/// How long a connection is read after a response to a request whose body was rejected: closing a socket with unread
/// bytes resets it, and the client would lose the response.
const LINGER: Duration = Duration::from_secs(1);

/// Starts to listen. The caller handles signals.
pub fn start(app: Arc<App>, sockets: Sockets) -> anyhow::Result<Running> {
    // The runtime of the caller also runs batches.
    tokio::spawn(app.liveness.add("the main runtime").run());
    let data = web::Data::from(app);
    let mut builder =
        ServerBuilder::new().disable_signals().shutdown_timeout(sockets.shutdown_timeout.as_secs());
    if let Some(workers) = sockets.workers {
        builder = builder.workers(workers);
    }
    let failed = |address: SocketAddr| {
        format!(
            "cannot listen on {address}: is it in use? Choose another address, or port 0 for any free port"
        )
    };
    let (mut http, mut https) = (None, None);
    let limits =
        TimeLimits { idle: sockets.keep_alive, head: sockets.header_timeout, write: sockets.write_timeout };
    if let Some(address) = sockets.http {
        let listener = listen(address).with_context(|| failed(address))?;
        http = Some(listener.local_addr()?);
        let (data, stopping) = (data.clone(), builder.graceful_shutdown_signal());
        builder = builder.listen("http", listener, move || {
            fn_service(move |stream: TcpStream| async move {
                let address = stream.peer_addr().ok();
                let connection = Connection::new(stream, false, false, limits);
                Ok::<_, DispatchError>((connection, Protocol::Http1, address))
            })
            .and_then(service(data.clone(), stopping.clone(), limits))
        })?;
    }
    if let Some((address, mut tls)) = sockets.https {
        let listener = listen(address).with_context(|| failed(address))?;
        https = Some(listener.local_addr()?);
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let (data, stopping) = (data.clone(), builder.graceful_shutdown_signal());
        builder = builder.listen("https", listener, move || {
            let acceptor = Acceptor::new(tls.clone());
            let accepted = ServiceFactoryExt::<TcpStream>::map_err(
                acceptor,
                TlsError::into_service_error::<DispatchError>,
            );
            let connected = accepted.and_then(fn_service(move |stream: TlsStream<TcpStream>| async move {
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(&b"h2"[..]);
                let protocol = if is_http2 { Protocol::Http2 } else { Protocol::Http1 };
                let address = stream.tcp().peer_addr().ok();
                let connection = Connection::new(stream, true, is_http2, limits);
                Ok::<_, TlsError<io::Error, DispatchError>>((connection, protocol, address))
            }));
            connected.and_then(service(data.clone(), stopping.clone(), limits).map_err(TlsError::Service))
        })?;
    }
    let server = builder.run();
    Ok(Running { handle: server.handle(), server, http, https })
}

/// The HTTP service of a server thread. Requests find their [`Peer`](crate::http::connection::Peer) in
/// `conn_data`, since actix describes its own sockets only.
fn service<S: Transport + 'static>(
    app: web::Data<App>,
    stopping: GracefulShutdownSignal,
    limits: TimeLimits,
) -> impl ServiceFactory<
    (Connection<S>, Protocol, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = DispatchError,
    InitError = (),
> {
    actix_web::rt::spawn(app.liveness.add("a server thread").run());
    let pages =
        endpoints().iter().filter(|endpoint| endpoint.is_page).map(|endpoint| endpoint.path).collect();
    // The last middleware is the outermost one.
    let application = ActixApp::new()
        .app_data(app)
        .app_data(Pages(pages))
        .wrap(from_fn(load::limit))
        .wrap(from_fn(respond::finish))
        .wrap(from_fn(log::line))
        .configure(routes)
        .into_factory()
        .map_err(|error: actix_web::Error| error.error_response());
    HttpService::build()
        .keep_alive(limits.idle)
        .client_request_timeout(limits.head)
        .client_disconnect_timeout(LINGER)
        .graceful_shutdown_signal(move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
        .h2_initial_window_size(HTTP2_WINDOW)
        .h2_initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
        .on_connect_ext(|connection: &Connection<S>, data| {
            data.insert(Rc::clone(connection.peer()));
        })
        .finish(map_config(application, |()| AppConfig::default()))
}

/// A listening socket; its connections inherit the options.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(TransportProtocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}
