//! The extractors that find the tenant, verify the token and require its scopes.

use std::future::Future;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN, USER_AGENT};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use time::OffsetDateTime;

use crate::app::{App, Context};
use crate::auth::Claims;
use crate::auth::scopes::Scope;
use crate::base::error::{Error, codes};
use crate::base::rate_limits::{self, Limited};
use crate::http::connection::Peer;
use crate::http::cors::IsTokenOfUser;
use crate::http::rate_limit;
use crate::journal::Author;
use crate::tenancy::{Tenant, host_of, stays_on_this_machine};

/// A caller of the Management API whose token has the scopes that `S` requires, with the context of the
/// request.
pub struct Caller<S: Scope>(pub Context, PhantomData<S>);

impl<S: Scope> std::ops::Deref for Caller<S> {
    type Target = Context;
    fn deref(&self) -> &Context {
        &self.0
    }
}

impl<S: Scope> FromRequest for Caller<S> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Ok(Self(authorize(&request, S::ANY_OF, S::ALL_OF).await?, PhantomData)) })
    }
}

/// Verifies the token of a caller of the Management API, counts the request against the rate limit, and
/// requires any of the scopes, or all of them.
pub(super) async fn authorize(request: &HttpRequest, scopes: &[&str], all: bool) -> Result<Context, Error> {
    let visitor = Visitor::find(request).await?;
    let token = bearer(request)?;
    let claims = visitor.app.tokens.verify(&visitor.tenant, token, visitor.now.unix_timestamp())?;
    if request.headers().contains_key(ORIGIN) {
        let is_of_user = claims.scope.split(' ').any(|scope| scope.contains("current_user"));
        request.extensions_mut().insert(IsTokenOfUser(is_of_user));
    }
    let limits = (&*visitor.app, &*visitor.tenant);
    rate_limit::count(request, limits, Limited::ManagementApi, || claims.azp.clone())?;
    let (word, is_sufficient) =
        if all { ("all", claims.has_all(scopes)) } else { ("any", claims.has_any(scopes)) };
    if !is_sufficient {
        return Err(codes::INSUFFICIENT_SCOPE
            .with_message(format!("Insufficient scope, expected {word} of: {}", scopes.join(","))));
    }
    let mut author = visitor.author;
    author.actor.clone_from(&claims.sub);
    author.client_id = Some(claims.azp.clone()).filter(|id| !id.is_empty());
    let Visitor { app, tenant, host, origin, now, .. } = visitor;
    Ok(Context { app, tenant, claims, author, host, origin, now })
}

/// A caller of an endpoint that requires no token.
pub struct Visitor {
    pub app: Arc<App>,
    /// The tenant of the request's host.
    pub tenant: Arc<Tenant>,
    /// The host of the request, with its port if it has one.
    pub host: String,
    /// Scheme and host of the request, for links to this server: `https://HOST`. The scheme is `http` only
    /// for a plain request to a host of this machine; elsewhere a proxy terminates HTTPS.
    pub origin: String,
    /// The author of this request's changes: `anonymous`.
    pub author: Author,
    /// The time of the request.
    pub now: OffsetDateTime,
}

impl Visitor {
    async fn find(request: &HttpRequest) -> Result<Self, Error> {
        let app = app(request)?.into_inner();
        // HTTP/2 has the host in the request target, HTTP/1 in a header.
        let host = match request.uri().authority() {
            Some(authority) => authority.as_str().to_owned(),
            None => header(request, &HOST).unwrap_or_default(),
        };
        let tenant = app.tenancy.find(&app.db, &app.vault, &host).await?;
        request.extensions_mut().insert(super::log::TenantName(Arc::clone(&tenant.id)));
        let author = Author {
            actor: "anonymous".into(),
            client_id: None,
            request_id: request.extensions().get::<super::log::RequestId>().map(|id| id.0.clone()),
            ip: ip(request, app.trust_forwarded_for),
            user_agent: header(request, &USER_AGENT),
        };
        let name = host_of(&host).unwrap_or_default();
        let peer = request.conn_data::<Rc<Peer>>();
        let is_plain = !peer.is_some_and(|peer| peer.secure) && stays_on_this_machine(&name);
        let mut origin = String::from(if is_plain { "http://" } else { "https://" });
        origin.push_str(&name);
        // A caller can send any port. Links contain only the port that Roster listens on.
        let port = peer.and_then(|peer| peer.local).map_or(0, |address| address.port());
        if host.rsplit_once(':').is_some_and(|(_, named)| named.parse() == Ok(port)) {
            origin = format!("{origin}:{port}");
        }
        Ok(Self { app, tenant, host, origin, author, now: OffsetDateTime::now_utc() })
    }

    /// Counts a request to a public endpoint against the rate limit of the caller's address; 429 above the
    /// limit.
    pub fn limit(&self, request: &HttpRequest, what: Limited) -> Result<(), Error> {
        let caller = || rate_limits::caller(self.author.ip.as_deref().unwrap_or_default());
        rate_limit::count(request, (&self.app, &self.tenant), what, caller)
    }

    /// The context of a request without a token for the Management API, from a client if one is given.
    pub fn context(self, client_id: Option<&str>) -> Context {
        let Self { app, tenant, host, origin, mut author, now } = self;
        author.client_id = client_id.map(str::to_owned);
        Context { app, tenant, claims: Arc::new(Claims::anonymous()), author, host, origin, now }
    }
}

impl FromRequest for Visitor {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Self::find(&request).await })
    }
}

/// The server's [`App`].
pub(super) fn app(request: &HttpRequest) -> Result<web::Data<App>, Error> {
    request.app_data().cloned().ok_or_else(|| Error::internal("no App in the server"))
}

/// A header as text, cut to 1,024 bytes.
fn header(request: &HttpRequest, name: &HeaderName) -> Option<String> {
    let value = request.headers().get(name)?.to_str().ok()?;
    // The value is ASCII, so every byte is a character.
    Some(value.get(..1024).unwrap_or(value).to_owned())
}

/// The address of the caller.
pub(super) fn ip(request: &HttpRequest, trust_forwarded_for: bool) -> Option<String> {
    let forwarded = || {
        header(request, &HeaderName::from_static("x-forwarded-for"))?
            .rsplit(',')
            .next()
            // The proxy appends the address that it sees. Earlier addresses come from the caller.
            .and_then(|ip| ip.trim().parse::<IpAddr>().ok())
            .map(|ip| ip.to_string())
    };
    let peer = || request.peer_addr().map(|address| address.ip().to_string());
    if trust_forwarded_for { forwarded().or_else(peer) } else { peer() }
}

/// The token of an `Authorization: Bearer` header.
fn bearer(request: &HttpRequest) -> Result<&str, Error> {
    let value = request.headers().get(AUTHORIZATION).ok_or(codes::MISSING_AUTHENTICATION)?;
    let value = std::str::from_utf8(value.as_bytes()).map_err(|_| codes::BAD_BEARER)?;
    let (scheme, token) = value.split_once(' ').ok_or(codes::BAD_BEARER)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(codes::BAD_BEARER.into()) }
}
