//! Paging: `page`, `per_page` and `include_totals`, or `from` and `take`, and the three forms a list is answered in.
//!
//! | asked | answered |
//! | --- | --- |
//! | `page`, `per_page` | a bare array |
//! | with `include_totals=true` | `{"start", "limit", "total", "<plural>": [..]}`, some lists with `length` |
//! | `from`, `take` | `{"<plural>": [..], "next"}`, no `next` on the last part |
//!
//! Where both forms are asked the checkpoint wins and the other parameters are not even looked at, as Auth0 has it.

use std::fmt::Write;

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderValue, LINK};
use serde_json::json;

use super::params::Params;
use super::render::json_text;
use crate::base::error::Error;
use crate::base::page::{List, Page};

/// How many are answered if nobody says.
const DEFAULT: i64 = 50;
/// How many are answered at most.
const MOST: i64 = 100;
/// Nothing lies behind it, and sums with it stay far from the largest number there is.
const LAST_PAGE: i64 = 1 << 53;

const PER_PAGE: &str = "Number of results per page. Defaults to 50";

impl Params {
    /// The part of a list that is asked for; `least` is the smallest `per_page` the endpoint takes.
    pub fn page(&self, least: i64) -> Result<Page, Error> {
        if self.query("from")?.is_some() || self.query("take")?.is_some() {
            return self.checkpoint(MOST);
        }
        self.numbered_page(least)
    }

    /// The same for a list that knows only checkpoints; `most` is the largest `take`.
    pub fn checkpoint(&self, most: i64) -> Result<Page, Error> {
        let from = self.query("from")?.filter(|from| !from.is_empty());
        Ok(Page::Checkpoint { from, take: self.integer("take", PER_PAGE, 1, most)?.unwrap_or(DEFAULT) })
    }

    /// The same for a list that knows no checkpoints.
    pub fn numbered_page(&self, least: i64) -> Result<Page, Error> {
        let page =
            self.integer("page", "Page index of the results to return. First page is 0", 0, i64::MAX)?;
        let per_page = self.integer("per_page", PER_PAGE, least, MOST)?;
        let include_totals = self.boolean(
            "include_totals",
            "Return results inside an object that contains the total result count (true) or as a direct array of results (false, default)",
        )?;
        Ok(Page::Offset {
            page: page.unwrap_or(0).min(LAST_PAGE),
            per_page: per_page.unwrap_or(DEFAULT),
            include_totals: include_totals.unwrap_or(false),
        })
    }
}

/// A bare array of documents that are JSON already.
pub fn array(documents: &[String]) -> String {
    format!("[{}]", documents.join(","))
}

/// A part of a list as it was asked for, of documents that are JSON already. `plural` names them.
pub fn listed(plural: &str, page: &Page, list: &List<String>) -> HttpResponse {
    answer(plural, page, list, "")
}

/// The same, telling with a total how many there are in this part too, as lists of users and logs do.
pub fn listed_with_length(plural: &str, page: &Page, list: &List<String>) -> HttpResponse {
    answer(plural, page, list, &format!("\"length\":{},", list.items.len()))
}

/// The same with a `Link` header for the pages around a numbered one (RFC 8288), as lists of connections, client grants
/// and resource servers have it. `origin` is what the links begin with; which page is the last shows where a total does.
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
            (last, "last"),
            (is_followed.then_some(number + 1), "next"),
            ((number > 0).then_some(number - 1), "prev"),
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
    let mut text = array(&list.items);
    match (page, list.total) {
        (Page::Offset { include_totals: false, .. }, _) => {}
        (Page::Offset { .. }, total) => {
            let (start, limit, total) = (page.start(), page.limit(), total.unwrap_or_default());
            text = format!(
                "{{\"start\":{start},\"limit\":{limit},{length}\"{plural}\":{text},\"total\":{total}}}"
            );
        }
        (Page::Checkpoint { .. }, _) => {
            text = format!("{{\"{plural}\":{text}");
            if let Some(next) = &list.next {
                // Writing to a String cannot fail.
                let _ = write!(text, ",\"next\":{}", json!(next));
            }
            text.push('}');
        }
    }
    json_text(200, text)
}
