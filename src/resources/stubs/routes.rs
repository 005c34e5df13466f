//! The endpoints of the stubs.

use actix_web::HttpResponse;

use super::{Answer, RESOURCES};
use crate::base::error::{Result, codes};
use crate::base::page::List;
use crate::http::Endpoint;
use crate::http::endpoint::read_only;
use crate::http::page::listed;
use crate::http::params::Params;
use crate::http::render::json_text;

pub fn routes() -> Vec<Endpoint> {
    let route = |resource: &'static super::Resource| {
        read_only(resource.path, resource.scopes, move |params| answer(resource.answer, &params))
    };
    RESOURCES.iter().map(route).collect()
}

fn answer(answer: Answer, params: &Params) -> Result<HttpResponse> {
    params.words()?;
    match answer {
        Answer::Document(text) => Ok(json_text(200, text.to_owned())),
        Answer::List(plural) => {
            Ok(listed(plural, &params.page(0)?, &List { total: Some(0), ..List::default() }))
        }
        Answer::NotFound(message) => Err(codes::NOT_FOUND.with_message(message)),
    }
}
