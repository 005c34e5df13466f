//! Parameters in the path and the query string.

use std::borrow::Cow;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use crate::base::error::{Error, codes};
use crate::base::fields::Fields;
use crate::base::ids::UserId;
use crate::base::schema::{Part, Violation, validation_error};

/// The undecoded parameters of a request. A handler reads its parameters after the caller is authorized.
pub struct Params(HttpRequest);

impl FromRequest for Params {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.clone())))
    }
}

impl Params {
    /// A decoded segment of the path; 400 if it is not UTF-8 or contains U+0000, which PostgreSQL cannot
    /// store.
    pub fn path(&self, name: &str) -> Result<String, Error> {
        let raw = self.0.match_info().get(name).unwrap_or_default();
        let text =
            percent_encoding::percent_decode_str(raw).decode_utf8().ok().filter(|text| !text.contains('\0'));
        text.map(Cow::into_owned).ok_or_else(|| {
            codes::INVALID_URI
                .with_message(format!("Path validation error: 'Not valid UTF-8 text' on property {name}."))
        })
    }

    /// Validates all parameters of the path as words: 400 for any other character.
    pub fn words(&self) -> Result<(), Error> {
        let is_word = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        match self.0.match_info().iter().find(|(_, text)| !is_word(text)) {
            None => Ok(()),
            Some((name, _)) => {
                let violation = Violation::of(name, "", "String does not match pattern ^[a-zA-Z0-9_-]+$");
                Err(validation_error(Part::Path, &[violation]))
            }
        }
    }

    /// A user id in the path.
    pub fn user_id(&self, name: &str) -> Result<UserId, Error> {
        let text = self.path(name)?;
        UserId::parse(&text).ok_or_else(|| invalid_user_id(&text))
    }

    /// An identity in the path: its provider and its id.
    pub fn identity(&self, provider: &str, id: &str) -> Result<UserId, Error> {
        let (provider, id) = (self.path(provider)?, self.path(id)?);
        UserId::new(&provider, &id).ok_or_else(|| invalid_user_id(&format!("{provider}|{id}")))
    }

    /// A parameter of the query string; the last value of a repeated one.
    pub fn query(&self, name: &str) -> Result<Option<String>, Error> {
        Ok(self.all(name)?.pop())
    }

    /// All values of a parameter of the query string.
    pub fn all(&self, name: &str) -> Result<Vec<String>, Error> {
        let invalid = |what: &str| {
            codes::INVALID_QUERY.with_message(format!("Query validation error: '{what}' on property {name}."))
        };
        let mut found = Vec::new();
        for pair in self.0.query_string().split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if decode(key).as_deref() == Some(name) {
                let value = decode(value).ok_or_else(|| invalid("Not valid UTF-8 text"))?;
                if value.contains('\0') {
                    return Err(invalid("Text must not contain the character U+0000"));
                }
                found.push(value.into_owned());
            }
        }
        Ok(found)
    }

    /// The `fields` and `include_fields` parameters.
    pub fn fields(&self) -> Result<Fields, Error> {
        let include = self.boolean(
            "include_fields",
            "Whether specified fields are to be included (true) or excluded (false)",
        )?;
        Ok(Fields::new(self.query("fields")?.as_deref(), include.unwrap_or(true)))
    }

    /// Path and query of another page of the same list.
    pub fn of_page(&self, page: i64, per_page: i64) -> String {
        let others = self.0.query_string().split('&').filter(|pair| {
            let key = decode(pair.split_once('=').map_or(*pair, |(key, _)| key));
            !pair.is_empty() && !["page", "per_page"].map(Some).contains(&key.as_deref())
        });
        let numbers = [format!("page={page}"), format!("per_page={per_page}")];
        let query: Vec<&str> = others.chain(numbers.iter().map(String::as_str)).collect();
        format!("{}?{}", self.0.path(), query.join("&"))
    }

    /// A required parameter of the query string.
    pub fn required(&self, name: &str) -> Result<String, Error> {
        let violation = || Violation::of_root(format!("Missing required property: {name}"));
        self.query(name)?.ok_or_else(|| validation_error(Part::Query, &[violation()]))
    }

    /// An integer parameter within bounds, both included. `about` is its description in Auth0's API document.
    /// A number beyond `i64` counts as the nearest `i64`.
    pub fn integer(
        &self,
        name: &'static str,
        about: &'static str,
        min: i64,
        max: i64,
    ) -> Result<Option<i64>, Error> {
        let Some(text) = self.query(name)? else { return Ok(None) };
        let digits = text.strip_prefix('-').unwrap_or(&text);
        let is_integer = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let nearest = if digits.len() < text.len() { i64::MIN } else { i64::MAX };
        let number = text.parse().unwrap_or(nearest);
        let reason = if !is_integer {
            "Expected type integer but found type string".to_owned()
        } else if number < min {
            format!("Value {text} is less than minimum {min}")
        } else if number > max {
            format!("Value {text} is greater than maximum {max}")
        } else {
            return Ok(Some(number));
        };
        Err(validation_error(Part::Query, &[Violation::of(name, about, reason)]))
    }

    /// A boolean parameter.
    pub fn boolean(&self, name: &'static str, about: &'static str) -> Result<Option<bool>, Error> {
        match self.query(name)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => {
                let violation = Violation::of(name, about, "Expected type boolean but found type string");
                Err(validation_error(Part::Query, &[violation]))
            }
        }
    }
}

fn invalid_user_id(text: &str) -> Error {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(100).collect();
    codes::INVALID_URI.with_message(format!("Object didn't pass validation for format user-id: {shown}"))
}

fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['+', '%']) {
        return Some(text.into());
    }
    let spaced = text.replace('+', " ");
    Some(percent_encoding::percent_decode_str(&spaced).decode_utf8().ok()?.into_owned().into())
}
