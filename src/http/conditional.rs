//! Conditional requests (RFC 9110, 13): `If-Match` and `If-None-Match`.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest, HttpResponse};

use crate::base::error::{Error, codes};
use crate::http::render::tagged;

/// The preconditions of a request.
pub struct Preconditions {
    /// Tags without their quotes, of which one must be the present one. `None` without a condition, and for `*`, which
    /// every existing resource meets.
    pub if_match: Option<Vec<String>>,
    if_none_match: Option<Vec<String>>,
}

impl FromRequest for Preconditions {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(tags(request, &IF_MATCH, false).and_then(|if_match| {
            Ok(Self {
                if_match: if_match.filter(|tags| tags != &["*"]),
                if_none_match: tags(request, &IF_NONE_MATCH, true)?,
            })
        }))
    }
}

impl Preconditions {
    /// A response to GET with an entity tag: 304 if `If-None-Match` contains the tag (RFC 9110, 13.1.2).
    pub fn answer(
        &self,
        etag: &str,
        render: impl FnOnce() -> Result<HttpResponse, Error>,
    ) -> Result<HttpResponse, Error> {
        let response = if self.is_known(etag) { HttpResponse::NotModified().finish() } else { render()? };
        Ok(tagged(response, etag))
    }

    fn is_known(&self, etag: &str) -> bool {
        self.if_none_match
            .as_ref()
            .is_some_and(|tags| tags.iter().any(|t| t == "*" || etag.trim_matches('"') == t))
    }
}

/// The tags of a header. A weak tag counts only in a weak comparison (RFC 9110, 8.8.3.2).
fn tags(request: &HttpRequest, name: &HeaderName, weak: bool) -> Result<Option<Vec<String>>, Error> {
    let mut values = request.headers().get_all(name).peekable();
    if values.peek().is_none() {
        return Ok(None);
    }
    let mut tags = Vec::new();
    for value in values {
        let invalid = || {
            codes::INVALID_HEADER.with_message(format!(
                "Header validation error: {name} is not a list of entity tags such as \"1-1700000000000000\"."
            ))
        };
        for tag in
            value.to_str().map_err(|_| invalid())?.split(',').map(str::trim).filter(|tag| !tag.is_empty())
        {
            let (strong, tag) = tag.strip_prefix("W/").map_or((true, tag), |tag| (false, tag));
            let bare = tag.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
            match bare {
                Some(bare) if strong || weak => tags.push(bare.to_owned()),
                Some(_) => {}
                None if tag == "*" => tags.push(tag.to_owned()),
                None => return Err(invalid()),
            }
        }
    }
    Ok(Some(tags))
}
