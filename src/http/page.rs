//! Paging: `page`, `per_page` and `include_totals`, or `from` and `take`, and the three forms of a list.
//!
//! | request | response |
//! | --- | --- |
//! | `page`, `per_page` | a bare array |
//! | with `include_totals=true` | `{"start", "limit", "total", "<plural>": [..]}`, some lists with `length` |
//! | `from`, `take` | `{"<plural>": [..], "next"}`, without `next` on the last page |
//!
//! With parameters of both forms, `from` and `take` win and the others are not validated, as in Auth0.

use std::fmt::Write;

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderValue, LINK};
use serde_json::json;

use super::params::Params;
use super::render::json_text;
use crate::base::error::Error;
use crate::base::page::{List, Page};

/// Default of `per_page` and `take`.
const DEFAULT_SIZE: i64 = 50;
/// Maximum of `per_page`, and of `take` in most lists.
const MAX_SIZE: i64 = 100;
/// Maximum of `page`: no list is as long, and offsets stay within `i64`.
const LAST_PAGE: i64 = 1 << 53;

const PER_PAGE: &str = "Number of results per page. Defaults to 50";

impl Params {
    /// The requested page of a list; `min` is the endpoint's minimum of `per_page`.
    pub fn page(&self, min: i64) -> Result<Page, Error> {
        if self.query("from")?.is_some() || self.query("take")?.is_some() {
            return self.checkpoint(MAX_SIZE);
        }
        self.numbered_page(min)
    }

    /// The same for a list that supports checkpoints only; `max` is the maximum of `take`.
    pub fn checkpoint(&self, max: i64) -> Result<Page, Error> {
        let from = self.query("from")?.filter(|from| !from.is_empty());
        Ok(Page::Checkpoint { from, take: self.integer("take", PER_PAGE, 1, max)?.unwrap_or(DEFAULT_SIZE) })
    }

    /// The same for a list that supports no checkpoints.
    pub fn numbered_page(&self, min: i64) -> Result<Page, Error> {
        let page =
            self.integer("page", "Page index of the results to return. First page is 0", 0, i64::MAX)?;
        let per_page = self.integer("per_page", PER_PAGE, min, MAX_SIZE)?;
        let include_totals = self.boolean(
            "include_totals",
            "Return results inside an object that contains the total result count (true) or as a direct array of results (false, default)",
        )?;
        Ok(Page::Offset {
            page: page.unwrap_or(0).min(LAST_PAGE),
            per_page: per_page.unwrap_or(DEFAULT_SIZE),
            include_totals: include_totals.unwrap_or(false),
        })
    }
}

/// A JSON array of documents in JSON text.
pub fn array(documents: &[String]) -> String {
    array_within("", documents, 0)
}

/// The same behind a prefix, with room for a suffix: a list of megabytes is copied once.
fn array_within(prefix: &str, documents: &[String], suffix: usize) -> String {
    let size: usize = documents.iter().map(|document| document.len() + 1).sum();
    let mut text = String::with_capacity(prefix.len() + size + 2 + suffix);
    text.push_str(prefix);
    text.push('[');
    for (n, document) in documents.iter().enumerate() {
        if n > 0 {
            text.push(',');
        }
        text.push_str(document);
    }
    text.push(']');
    text
}

/// A page of a list in the requested form. The items are JSON text; `plural` is their name.
pub fn listed(plural: &str, page: &Page, list: &List<String>) -> HttpResponse {
    answer(plural, page, list, "")
}

/// The same; with totals it contains `length`, the number of items in the page, as lists of users and logs
/// do.
pub fn listed_with_length(plural: &str, page: &Page, list: &List<String>) -> HttpResponse {
    answer(plural, page, list, &format!("\"length\":{},", list.items.len()))
}

/// The same with a `Link` header to the first, previous, next and last page (RFC 8288), as lists of clients,
/// connections, client grants and resource servers have it. `origin` is the scheme and host of the links. The
/// last page needs a total.
pub fn listed_with_links(
    origin: &str,
    params: &Params,
    plural: &str,
    page: &Page,
    list: &List<String>,
) -> HttpResponse {
    let mut response = listed(plural, page, list);
    if let Page::Offset { page: number, per_page, .. } = *page {
        let last = list.total.map(|total| (total - 1).max(0) / per_page.max(1));
        let full = i64::try_from(list.items.len()) == Ok(per_page) && per_page > 0;
        let is_followed = last.map_or(full, |last| number < last);
        let pages = [
            (Some(0), "first"),
            ((number > 0).then_some(number - 1), "prev"),
            (is_followed.then_some(number + 1), "next"),
            (last, "last"),
        ];
        let links = pages.into_iter().filter_map(|(number, rel)| {
            Some(format!("<{origin}{}>; rel=\"{rel}\"", params.of_page(number?, per_page)))
        });
        if let Ok(value) = HeaderValue::from_str(&links.collect::<Vec<_>>().join(", ")) {
            response.headers_mut().insert(LINK, value);
        }
    }
    response
}

fn answer(plural: &str, page: &Page, list: &List<String>, length: &str) -> HttpResponse {
    let array = |prefix: &str| array_within(prefix, &list.items, 200);
    let text = match (page, list.total) {
        (Page::Offset { include_totals: false, .. }, _) => array(""),
        (Page::Offset { .. }, total) => {
            let (start, limit, total) = (page.start(), page.limit(), total.unwrap_or_default());
            let mut text = array(&format!("{{\"start\":{start},\"limit\":{limit},{length}\"{plural}\":"));
            // Writing to a String does not fail.
            let _ = write!(text, ",\"total\":{total}}}");
            text
        }
        (Page::Checkpoint { .. }, _) => {
            let mut text = array(&format!("{{\"{plural}\":"));
            if let Some(next) = &list.next {
                let _ = write!(text, ",\"next\":{}", json!(next));
            }
            text.push('}');
            text
        }
    };
    json_text(200, text)
}
