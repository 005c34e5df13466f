//! The endpoints of the stubs.

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Answer, FIXED, Fixed, RESOURCES};
use crate::base::error::{Error, Result, codes};
use crate::base::page::List;
use crate::http::Endpoint;
use crate::http::body::Read;
use crate::http::endpoint::{read_only, with_body};
use crate::http::page::listed;
use crate::http::params::Params;
use crate::http::render::{json_text, json_value};

pub fn routes() -> Vec<Endpoint> {
    let route = |resource: &'static super::Resource| {
        read_only(resource.path, resource.scopes, move |params| answer(resource.answer, &params))
    };
    let change = |fixed: &'static Fixed| {
        let method = if fixed.method == "PUT" { Method::PUT } else { Method::PATCH };
        with_body(method, fixed.path, fixed.scopes, move |params, body| {
            confirm(fixed.document(), &params, &body)
        })
    };
    RESOURCES.iter().map(route).chain(FIXED.iter().map(change)).collect()
}

/// Answers a change with the present values if it sends them; 400 otherwise.
fn confirm(document: &'static str, params: &Params, body: &Read) -> Result<HttpResponse> {
    params.words()?;
    let present: Value = serde_json::from_str(document).map_err(Error::internal)?;
    let is_present = |value: &RawValue, present: Option<&Value>| {
        serde_json::from_str::<Value>(value.get()).is_ok_and(|value| Some(&value) == present)
    };
    if present.is_array() {
        let sent = body.list()?;
        let matches = sent.iter().enumerate().all(|(n, element)| is_present(element, present.get(n)));
        if !matches || present.as_array().map(Vec::len) != Some(sent.len()) {
            return Err(codes::FIXED_VALUES.into());
        }
    } else {
        let sent = body.object()?;
        if let Some((name, _)) = sent.members().find(|(name, value)| !is_present(value, present.get(name))) {
            let name: String = name.chars().take(100).collect();
            return Err(codes::FIXED_VALUES.with_message(format!("{} ({name})", codes::FIXED_VALUES.message)));
        }
    }
    Ok(json_text(200, document.to_owned()))
}

fn answer(answer: Answer, params: &Params) -> Result<HttpResponse> {
    params.words()?;
    match answer {
        Answer::Document(text) => Ok(json_text(200, text.to_owned())),
        Answer::Paged(text) => {
            let mut document: Value = serde_json::from_str(text).map_err(Error::internal)?;
            document["per_page"] = params.page(0)?.limit().into();
            Ok(json_value(200, &document))
        }
        Answer::List(plural) => {
            Ok(listed(plural, &params.page(0)?, &List { total: Some(0), ..List::default() }))
        }
        Answer::NotFound(kind) => Err(kind.into()),
    }
}
