//! A route as the registration table has it. What it demands of a caller is read off its handler's signature.

use actix_web::http::Method;
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Responder, Route, web};

use super::caller::admit;
use super::params::Params;
use super::{Body, Caller};
use crate::auth::scopes::Scope;
use crate::base::error::Error;

/// A method on a path, its handler, and what it demands.
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path, with `{parameters}`.
    pub path: &'static str,
    /// The scopes demanded, any or all of them; `None` for an endpoint that asks for no token.
    pub scopes: Option<&'static [&'static str]>,
    /// Does the handler take a body?
    pub takes_body: bool,
    /// The handler.
    pub route: Route,
}

/// What a handler's arguments say about its route.
pub trait Signature {
    /// The scopes of its [`Caller`], if it has one.
    const SCOPES: Option<&'static [&'static str]>;
    /// Is there a [`Body`] among them?
    const TAKES_BODY: bool;
}

/// What one argument says.
pub trait Argument {
    /// The scopes, of a [`Caller`].
    const SCOPES: Option<&'static [&'static str]> = None;
    /// Is it a [`Body`]?
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

/// Puts a handler on a method and a path.
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
        route: web::method(method.clone()).to(handler),
        method,
    }
}

/// A route that only tells something and demands scopes of a table instead of a signature's.
pub fn read_only(
    path: &'static str,
    scopes: &'static [&'static str],
    answer: impl Fn(Params) -> Result<HttpResponse, Error> + Copy + 'static,
) -> Endpoint {
    let handler = move |request: HttpRequest, params: Params| async move {
        admit(&request, scopes, false).await?;
        answer(params)
    };
    Endpoint {
        method: Method::GET,
        path,
        scopes: Some(scopes),
        takes_body: false,
        route: web::get().to(handler),
    }
}
