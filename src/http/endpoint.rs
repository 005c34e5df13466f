//! A route of the registration table. Its required scopes come from its handler's signature.

use actix_web::http::Method;
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Responder, Route, guard, web};

use super::body::Read;
use super::caller::authorize;
use super::cors::Sharing;
use super::params::Params;
use super::{Body, Caller};
use crate::auth::scopes::Scope;
use crate::base::error::Error;

/// A route: method, path, handler and required scopes.
pub struct Endpoint {
    pub method: Method,
    /// The path, with `{parameters}`.
    pub path: &'static str,
    /// The required scopes, any or all of them; `None` for an endpoint that requires no token.
    pub scopes: Option<&'static [&'static str]>,
    /// Whether the handler takes a body.
    pub takes_body: bool,
    /// Which web pages may read its responses; `None` for none but its own.
    pub sharing: Option<Sharing>,
    /// Whether people open it in a browser: then its errors are pages too.
    pub is_page: bool,
    pub route: Route,
}

impl Endpoint {
    /// The endpoint with responses that other web pages may read.
    pub fn shared(self, sharing: Sharing) -> Self {
        Self { sharing: Some(sharing), ..self }
    }

    /// Marks a page.
    pub fn page(self) -> Self {
        Self { is_page: true, ..self }
    }
}

/// Users may call the routes of their own scopes from web pages.
fn sharing_of(scopes: Option<&[&str]>) -> Option<Sharing> {
    let is_of_user = |scope: &&str| scope.contains("current_user");
    scopes?.iter().any(is_of_user).then_some(Sharing::ListedForUsers)
}

/// Properties of a route from its handler's arguments.
pub trait Signature {
    /// The scopes of the [`Caller`] among them.
    const SCOPES: Option<&'static [&'static str]>;
    /// Whether a [`Body`] is among them.
    const TAKES_BODY: bool;
}

/// An argument of a handler.
pub trait Argument {
    /// The scopes of a [`Caller`].
    const SCOPES: Option<&'static [&'static str]> = None;
    /// Whether it is a [`Body`].
    const IS_BODY: bool = false;
}

impl<S: Scope> Argument for Caller<S> {
    const SCOPES: Option<&'static [&'static str]> = Some(S::ANY_OF);
}
impl Argument for Body {
    const IS_BODY: bool = true;
}
impl Argument for super::Visitor {}
impl Argument for Params {}
impl Argument for super::conditional::Preconditions {}
impl Argument for HttpRequest {}
impl<T: 'static> Argument for web::Data<T> {}

macro_rules! signatures {
    ($(($($argument:ident),*);)*) => {
        $(impl<$($argument: Argument),*> Signature for ($($argument,)*) {
            const SCOPES: Option<&'static [&'static str]> = first(&[$($argument::SCOPES),*]);
            const TAKES_BODY: bool = $($argument::IS_BODY ||)* false;
        })*
    };
}

signatures! {
    ();
    (A);
    (A, B);
    (A, B, C);
    (A, B, C, D);
}

const fn first(scopes: &[Option<&'static [&'static str]>]) -> Option<&'static [&'static str]> {
    let mut n = 0;
    while n < scopes.len() {
        if scopes[n].is_some() {
            return scopes[n];
        }
        n += 1;
    }
    None
}

/// A route of a method. A GET route answers HEAD too, with the headers of GET and without a body (RFC 9110, 9.3.2).
fn route(method: &Method) -> Route {
    if method == Method::GET {
        web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
    } else {
        web::method(method.clone())
    }
}

/// The route of a method and a path.
pub fn endpoint<F, Args>(method: Method, path: &'static str, handler: F) -> Endpoint
where
    F: Handler<Args>,
    Args: FromRequest + Signature + 'static,
    F::Output: Responder + 'static,
{
    Endpoint {
        path,
        scopes: Args::SCOPES,
        takes_body: Args::TAKES_BODY,
        sharing: sharing_of(Args::SCOPES),
        is_page: false,
        route: route(&method).to(handler),
        method,
    }
}

/// A route with a body whose required scopes come from a table instead of a signature.
pub fn with_body(
    method: Method,
    path: &'static str,
    scopes: &'static [&'static str],
    answer: impl Fn(Params, Read) -> Result<HttpResponse, Error> + Copy + 'static,
) -> Endpoint {
    let handler = move |request: HttpRequest, params: Params, body: Body| async move {
        authorize(&request, scopes, false).await?;
        answer(params, body.read().await?)
    };
    Endpoint {
        path,
        scopes: Some(scopes),
        takes_body: true,
        sharing: sharing_of(Some(scopes)),
        is_page: false,
        route: route(&method).to(handler),
        method,
    }
}

/// A GET route whose required scopes come from a table instead of a signature.
pub fn read_only(
    path: &'static str,
    scopes: &'static [&'static str],
    answer: impl Fn(Params) -> Result<HttpResponse, Error> + Copy + 'static,
) -> Endpoint {
    let handler = move |request: HttpRequest, params: Params| async move {
        authorize(&request, scopes, false).await?;
        answer(params)
    };
    Endpoint {
        method: Method::GET,
        path,
        scopes: Some(scopes),
        takes_body: false,
        sharing: sharing_of(Some(scopes)),
        is_page: false,
        route: route(&Method::GET).to(handler),
    }
}
