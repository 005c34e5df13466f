//! Lists of users.
//!
//! `GET /api/v2/users` answers by page number, as Auth0 does and as far as Auth0 does (the tenant's
//! `offset_cap`), or by checkpoint, which Auth0 does not offer for users: any number of users, and each that
//! exists throughout exactly once. The order is that of creation, or `sort`'s. A total is exact in the
//! snapshot of the page; it is kept with the users (`user_counts`), not counted for each answer. The costs
//! are in `bench/lists.md`.
//!
//! `q` selects users in the language of [`crate::search`]. Everything else here holds for a search too,
//! except its costs.
//!
//! `GET /api/v2/users-by-email` finds users by the address at the root of their documents.
//!
//! Deviations and decisions:
//! - `sort` takes root attributes, computed ones by the value that is answered, except `picture` and
//!   `identities`; and, where Auth0 does not, values in metadata (`app_metadata.plan.level:1`; PostgreSQL's
//!   order of JSON: texts, numbers, booleans, arrays, objects). Attributes that are texts are compared by
//!   code point. Users without the attribute come last in both directions, equals in the order of their
//!   creation. By checkpoint only the order of creation exists.
//! - `connection` is honoured; Auth0 ignores it since search engine v2.
//! - `primary_order` changes nothing: every order is deterministic.
//! - An address that only a linked identity has does not find the user.
//! - An unsupported `search_engine` carries `invalid_query_string`.

pub(crate) mod store;

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::OffsetDateTime;

use super::attributes::{self, ATTRIBUTES, Sort as SortKey};
use super::model::User;
use crate::app::Context;
use crate::base::error::{Result, codes};
use crate::base::page::{List, Page};
use crate::base::schema::{Part, Violation, validation_error};
use crate::resources::users::search::sql::USERS;
use crate::search::{self, Plan};
use crate::tenancy::settings::Search;

/// The parameters of a list.
#[derive(Debug)]
pub struct Query {
    /// The part of the list.
    pub page: Page,
    /// The order; that of creation without one.
    pub sort: Option<Sort>,
    /// A search, in the language of [`crate::search`].
    pub q: Option<String>,
    /// The name of a connection: only users with an identity in it.
    pub connection: Option<String>,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The key.
    pub by: By,
    /// Whether the largest key is first.
    pub descending: bool,
}

/// A sort key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// A root attribute: its name and the kind of its key.
    Attribute(&'static str, SortKey),
    /// A value in metadata: the column, and the path in it.
    Metadata(&'static str, Vec<String>),
}

impl Sort {
    /// Reads `field:1` or `field:-1`; the error is the reason of a violation.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let (field, descending) = text
            .strip_suffix(":1")
            .map(|field| (field, false))
            .or_else(|| Some((text.strip_suffix(":-1")?, true)))
            .ok_or_else(|| format!("String does not match pattern ^[^:]+:(1|-1)$: {}", shown(text)))?;
        let attribute = attributes::find(field).and_then(|a| Some(By::Attribute(a.name, a.sort?)));
        let by = attribute.or_else(|| {
            let (object, keys) = field.split_once('.')?;
            let (_, column) = USERS.objects.iter().find(|(name, _)| *name == object)?;
            Some(By::Metadata(column, keys.split('.').map(str::to_owned).collect()))
        });
        let by = by.ok_or_else(|| {
            let fields = Self::fields().collect::<Vec<_>>().join(",");
            format!("Cannot sort by {}. Must be one of the following values: {fields}", shown(field))
        })?;
        Ok(Self { by, descending })
    }

    /// The names of the root attributes that have an order.
    pub fn fields() -> impl Iterator<Item = &'static str> {
        ATTRIBUTES.iter().filter(|attribute| attribute.sort.is_some()).map(|attribute| attribute.name)
    }
}

/// The part of a value that an error message repeats.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

/// A position in the order of creation: after a user, who may be deleted by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    created_at: OffsetDateTime,
    user_id: String,
}

impl Cursor {
    fn after(user: &User) -> Self {
        Self { created_at: user.created_at, user_id: user.user_id.clone() }
    }

    fn write(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail. PostgreSQL stores microseconds.
        let _ = write!(text, "{} {}", self.created_at.unix_timestamp_nanos() / 1000, self.user_id);
        URL_SAFE_NO_PAD.encode(text)
    }

    fn read(text: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (microseconds, user_id) = text.split_once(' ')?;
        let nanoseconds = i128::from(microseconds.parse::<i64>().ok()?) * 1000;
        let created_at = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok()?;
        // PostgreSQL's times begin later than ours, and its texts have no NUL.
        let is_valid = created_at.year() >= 0 && user_id.contains('|') && !user_id.contains('\0');
        is_valid.then(|| Self { created_at, user_id: user_id.to_owned() })
    }
}

/// Rejects the search engines that Auth0 has retired, and unknown ones.
pub fn check_search_engine(version: Option<&str>) -> Result<()> {
    Err(match version {
        None | Some("v3") => return Ok(()),
        Some("v1") => codes::INVALID_QUERY.with_message("You are not allowed to use search_engine=v1."),
        Some("v2") => codes::INVALID_QUERY
            .with_message("You are not allowed to use search_engine=v2. Use search_engine=v3 instead."),
        Some(other) => {
            let reason = format!("No enum match for: {}", shown(other));
            validation_error(
                Part::Query,
                &[Violation::of("search_engine", "The version of the search engine", reason)],
            )
        }
    })
}

/// A part of the list of users.
pub async fn list(ctx: &Context, query: Query) -> Result<List<User>> {
    let page = query.page.within(ctx.tenant.compat.offset_cap)?;
    let connection = query.connection.as_deref();
    let invalid =
        |name, about, reason: &str| validation_error(Part::Query, &[Violation::of(name, about, reason)]);
    let about = "Query in Lucene query string syntax. Some query types cannot be used on metadata fields, for details see Searchable Fields";
    let plan = match &query.q {
        None => Plan::Constant(true),
        Some(q) => plan(q, &ctx.tenant.search).map_err(|reason| invalid("q", about, &reason))?,
    };
    let Page::Checkpoint { from, take } = &page else {
        return store::list(ctx.db(), &ctx.tenant.id, &plan, &page, query.sort.as_ref(), connection).await;
    };
    if query.sort.is_some() {
        let reason = "Not available together with from and take, which follow the order of creation";
        return Err(invalid("sort", "", reason));
    }
    let cursor = match from {
        None => None,
        Some(text) => Some(Cursor::read(text).ok_or_else(|| {
            invalid(
                "from",
                "Optional Id from which to start selection",
                "Not a value that was answered as next",
            )
        })?),
    };
    // One more than requested shows whether another part follows.
    let mut users =
        store::list_from(ctx.db(), &ctx.tenant.id, &plan, cursor.as_ref(), take + 1, connection).await?;
    let take = usize::try_from(*take).unwrap_or(usize::MAX);
    let next = (users.len() > take).then(|| Cursor::after(&users[take - 1]).write());
    users.truncate(take);
    Ok(List { items: users, total: None, next })
}

/// The plan of a search; the error is the reason of a violation.
fn plan(q: &str, settings: &Search) -> std::result::Result<Plan, String> {
    let query = search::parse(q).map_err(|violation| violation.to_string())?;
    if settings.auth0_strict {
        search::strict::check(&query)?;
    }
    let plan = Plan::of(&USERS, &query).map_err(|violation| violation.to_string())?;
    Ok(plan.with_indexes(&settings.indexed))
}

/// The users with an e-mail address.
pub async fn by_email(ctx: &Context, email: &str) -> Result<Vec<User>> {
    store::by_email(ctx.db(), &ctx.tenant.id, email).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_is_read_as_it_was_written() {
        let cursor = Cursor {
            created_at: OffsetDateTime::UNIX_EPOCH + time::Duration::microseconds(1_700_000_000_123_456),
            user_id: "auth0|a b|ü\u{1}".into(),
        };
        assert_eq!(Cursor::read(&cursor.write()), Some(cursor));
    }

    #[test]
    fn cursor_of_another_form_is_none() {
        let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for bad in [
            "x".into(),
            "===".into(),
            encoded(""),
            encoded("1"),
            encoded("1 nobody"),
            encoded("x auth0|a"),
            encoded("9223372036854775807 auth0|a"),
            encoded("-99999999999999999 auth0|a"),
            encoded("1 auth0|\0"),
        ] {
            assert_eq!(Cursor::read(&bad), None, "{bad}");
        }
    }
}
