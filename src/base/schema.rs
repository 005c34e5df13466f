//! Typed schemas of request bodies, and the violations of a schema.
//!
//! The messages are those of Auth0's JSON Schema library (z-schema): `'<reason>' on property <path>
//! (<about>).`, several violations joined by ` (also) `, those of the root first, then those of the members
//! in the reverse of their order in the body. A resource declares a `static` [`Schema`]; the same declaration
//! can render an OpenAPI document.

use crate::base::error::{Error, codes};
use crate::base::ids::UserId;
use crate::base::json::{self, Object};
use serde_json::value::RawValue;

/// The schema of an object.
#[derive(Debug)]
pub struct Schema {
    /// The known fields.
    pub fields: &'static [Field],
    /// Whether unknown fields are violations.
    pub closed: bool,
    /// The minimum number of members.
    pub min_properties: usize,
    /// The maximum number of members.
    pub max_properties: usize,
    /// A remedy for clients that send an unknown field.
    pub hint: &'static str,
}

impl Schema {
    /// An object with only these fields.
    pub const fn closed(fields: &'static [Field]) -> Self {
        Self { fields, closed: true, min_properties: 0, max_properties: usize::MAX, hint: "" }
    }

    /// An object that may have other fields.
    pub const fn open(fields: &'static [Field]) -> Self {
        Self { closed: false, ..Self::closed(fields) }
    }

    /// With a minimum number of members.
    pub const fn at_least(mut self, members: usize) -> Self {
        self.min_properties = members;
        self
    }

    /// With a maximum number of members.
    pub const fn at_most(mut self, members: usize) -> Self {
        self.max_properties = members;
        self
    }

    /// With a remedy for unknown fields, appended to the violation.
    pub const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = hint;
        self
    }
}

/// A field of an object.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The name in the body.
    pub name: &'static str,
    /// The description without a final dot, shown in parentheses after a violation.
    pub about: &'static str,
    /// The type of the value.
    pub kind: Kind,
    /// Whether the body must have the field.
    pub required: bool,
    /// Whether the value may be null.
    pub nullable: bool,
}

impl Field {
    /// An optional field that cannot be null.
    pub const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, about, kind, required: false, nullable: false }
    }

    /// As a required field.
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// As a field that can be null.
    pub const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }
}

/// The type of a value.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Boolean,
    /// An integer between two bounds, both included.
    Integer(i64, i64),
    /// A number of hours from 1, or a fraction of at least one minute.
    Hours,
    Text(Text),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// An object with a schema.
    Object(&'static Schema),
    /// An object that a change merges: a null removes its member.
    Merged(&'static Schema),
    /// Any object.
    AnyObject,
    /// An array with a minimum number of elements of one type.
    Array(usize, &'static Kind),
    /// A text, or an integer in place of one.
    TextOrInteger,
    /// Any of these types.
    Any(&'static [Kind]),
}

/// The rules of a text. Lengths are in characters.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    min: usize,
    max: usize,
    pattern: Option<(&'static str, fn(&str) -> bool)>,
    format: Option<Format>,
}

impl Text {
    /// Any text.
    pub const ANY: Self = Self { min: 0, max: usize::MAX, pattern: None, format: None };

    /// A text with a minimum and a maximum length.
    pub const fn between(min: usize, max: usize) -> Self {
        Self { min, max, ..Self::ANY }
    }

    /// A text with a minimum length.
    pub const fn at_least(min: usize) -> Self {
        Self { min, ..Self::ANY }
    }

    /// With a pattern: its text in messages, and its test.
    pub const fn pattern(mut self, pattern: &'static str, test: fn(&str) -> bool) -> Self {
        self.pattern = Some((pattern, test));
        self
    }

    /// A text in a named format.
    pub const fn format(format: Format) -> Self {
        Self { format: Some(format), ..Self::ANY }
    }
}

/// A named format of a text.
#[derive(Clone, Copy, Debug)]
pub enum Format {
    /// An email address: at most 254 bytes, of which the local part has at most 64.
    Email,
    /// An absolute http or https URI, which a browser can show or follow without running it.
    StrictUri,
    /// An http or https URL.
    Url,
    /// An email address, or empty.
    EmailOrEmpty,
    /// The address of a web page with placeholders ([`is_web_template`]), or empty.
    AbsoluteUriOrEmpty,
    /// The same with https.
    AbsoluteHttpsUriOrEmpty,
    /// An absolute URI ([`is_absolute_uri`]).
    UrlWithPlaceholders,
    /// `provider|id`.
    UserId,
    /// The id of a client: letters, digits, `_` and `-`.
    ClientId,
    /// A format of a resource: its name, and its test.
    Own(&'static str, fn(&str) -> bool),
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::StrictUri => "strict-uri",
            Self::Url => "url",
            Self::EmailOrEmpty => "email-or-empty",
            Self::AbsoluteUriOrEmpty => "absolute-uri-or-empty",
            Self::AbsoluteHttpsUriOrEmpty => "absolute-https-uri-or-empty",
            Self::UrlWithPlaceholders => "url-with-placeholders",
            Self::UserId => "user-id",
            Self::ClientId => "client-id",
            Self::Own(name, _) => name,
        }
    }

    /// Whether a text has the format.
    pub fn matches(self, text: &str) -> bool {
        match self {
            Self::Email => is_email(text),
            Self::StrictUri => is_web_url(text) && !text.contains(char::is_whitespace),
            Self::EmailOrEmpty => text.is_empty() || is_email(text),
            Self::AbsoluteUriOrEmpty => text.is_empty() || is_web_template(text),
            Self::AbsoluteHttpsUriOrEmpty => {
                text.is_empty() || (text.starts_with("https://") && is_web_template(text))
            }
            Self::UrlWithPlaceholders => is_absolute_uri(text),
            Self::Url => is_web_url(text),
            Self::UserId => UserId::parse(text).is_some(),
            Self::ClientId => {
                (1..=64).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
            }
            Self::Own(_, test) => test(text),
        }
    }
}

/// Whether a text is an http or https URL with a host of letters, digits, hyphens and underscores. Parsers of
/// URLs accept further characters, such as `;`, which have a meaning in headers.
pub fn is_web_url(text: &str) -> bool {
    let is_host = |host: &str| host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:[]".contains(&b));
    !text.contains(char::is_control)
        && url::Url::parse(text)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(is_host))
}

/// The same with placeholders ([`is_absolute_uri`]): a link that people follow.
pub fn is_web_template(text: &str) -> bool {
    let is_host_byte = |b: u8| b.is_ascii_alphanumeric() || b"-_.:[]*{}".contains(&b);
    let is_web = text.split_once("://").is_some_and(|(scheme, rest)| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        ["http", "https"].iter().any(|web| scheme.eq_ignore_ascii_case(web)) && host.bytes().all(is_host_byte)
    });
    is_web && is_absolute_uri(text)
}

/// Whether a link with this scheme runs what it contains, in place of leading elsewhere.
pub fn is_run_by_browsers(scheme: &str) -> bool {
    let schemes = ["blob", "data", "filesystem", "javascript", "vbscript"];
    schemes.iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

/// Whether a text is an absolute URI, in which `*` and `{names}` may replace any part, the port included: a
/// scheme that browsers do not run, and for http and https a host. RFC 3986 does not allow such URIs, so no
/// parser of URLs reads them.
pub fn is_absolute_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c));
    let is_web = ["http", "https"].iter().any(|web| scheme.eq_ignore_ascii_case(web));
    let has_host = rest
        .strip_prefix("//")
        .is_some_and(|host| !host.is_empty() && !host.starts_with(['/', '?', '#', ':']));
    is_scheme
        && !is_run_by_browsers(scheme)
        && !rest.is_empty()
        && (has_host || !is_web)
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Whether a text is an email address: RFC 5321's lengths, and a domain of at least two labels.
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"@<>()[],;:\"\\".contains(c);
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    (1..=64).contains(&local.len())
        && text.len() <= 254
        && local.chars().all(plain)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && domain.contains('.')
        && domain.split('.').all(label)
}

/// A violation of a schema or another rule of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Violation {
    reason: String,
    property: Option<(String, &'static str)>,
}

impl Violation {
    /// A violation by the object as a whole.
    pub fn of_root(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), property: None }
    }

    /// A violation by one property.
    pub fn of(path: impl Into<String>, about: &'static str, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), property: Some((path.into(), about)) }
    }
}

/// The violation of a property that is not the id of a user ([`UserId::parse`]).
pub fn invalid_user_id(path: &str, about: &'static str, text: &str) -> Violation {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(100).collect();
    Violation::of(path, about, format!("Object didn't pass validation for format user-id: {shown}"))
}

/// The part of a request with a violation. It determines the start of the message and the `errorCode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Payload,
    Query,
    Path,
}

/// Rejects a request that has violations.
pub fn reject(part: Part, violations: &[Violation]) -> Result<(), Error> {
    if violations.is_empty() { Ok(()) } else { Err(validation_error(part, violations)) }
}

/// The error of a request with these violations.
pub fn validation_error(part: Part, violations: &[Violation]) -> Error {
    let (opening, kind) = match part {
        Part::Payload => ("Payload", codes::INVALID_BODY),
        Part::Query => ("Query", codes::INVALID_QUERY),
        Part::Path => ("Path", codes::INVALID_URI),
    };
    let message = |violation: &Violation| match &violation.property {
        None => format!("{opening} validation error: '{}'.", violation.reason),
        Some((path, "")) => {
            format!("{opening} validation error: '{}' on property {path}.", violation.reason)
        }
        Some((path, about)) => {
            format!("{opening} validation error: '{}' on property {path} ({about}).", violation.reason)
        }
    };
    kind.with_message(violations.iter().map(message).collect::<Vec<_>>().join(" (also) "))
}

impl Schema {
    /// The violations by an object.
    pub fn violations(&self, object: &Object<'_>) -> Vec<Violation> {
        self.violations_at("", object)
    }

    /// The violations by an object at a path of the body.
    pub fn violations_at(&self, path: &str, object: &Object<'_>) -> Vec<Violation> {
        let mut violations = Vec::new();
        self.collect(path, object, false, &mut violations);
        violations
    }

    /// The violations by an array of such objects.
    pub fn violations_of_list(&self, list: &[&RawValue]) -> Vec<Violation> {
        let mut violations = Vec::new();
        for (n, element) in list.iter().enumerate().rev() {
            if let Some(object) = Object::of(element) {
                self.collect(&n.to_string(), &object, false, &mut violations);
            } else {
                let found = json::type_name(element);
                violations.push(Violation::of(
                    n.to_string(),
                    "",
                    format!("Expected type object but found type {found}"),
                ));
            }
        }
        violations
    }

    /// Rejects a body that has violations.
    pub fn check(&self, body: &Object<'_>) -> Result<(), Error> {
        reject(Part::Payload, &self.violations(body))
    }

    /// `optional_is_nullable`: whether every optional field may be null.
    fn collect(
        &self,
        path: &str,
        object: &Object<'_>,
        optional_is_nullable: bool,
        violations: &mut Vec<Violation>,
    ) {
        let here = |reason: String| match path {
            "" => Violation::of_root(reason),
            path => Violation::of(path, "", reason),
        };
        for field in self.fields.iter().filter(|f| f.required && object.get(f.name).is_none()) {
            violations.push(here(format!("Missing required property: {}", field.name)));
        }
        let known = |name: &str| self.fields.iter().find(|f| f.name == name);
        let unknown: Vec<&str> =
            object.members().rev().map(|(k, _)| k).filter(|k| known(k).is_none()).collect();
        if self.closed && !unknown.is_empty() {
            let mut reason = format!("Additional properties not allowed: {}", unknown.join(","));
            if !self.hint.is_empty() {
                reason = format!("{reason} ({})", self.hint);
            }
            violations.push(here(reason));
        }
        let count = object.members().count();
        if count < self.min_properties {
            violations
                .push(here(format!("Too few properties defined ({count}), minimum {}", self.min_properties)));
        }
        if count > self.max_properties {
            violations.push(here(format!(
                "Too many properties defined ({count}), maximum {}",
                self.max_properties
            )));
        }
        for (name, value) in object.members().rev() {
            if let Some(field) = known(name) {
                let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                let can_be_null = field.nullable || (optional_is_nullable && !field.required);
                if !(can_be_null && value.get() == "null") {
                    field.kind.collect(&path, field, value, violations);
                }
            }
        }
    }
}

impl Kind {
    fn type_name(&self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer(..) | Self::Hours => "integer",
            Self::Text(_) | Self::OneOf(_) | Self::TextOrInteger => "string",
            Self::Object(_) | Self::Merged(_) | Self::AnyObject => "object",
            Self::Array(..) => "array",
            Self::Any(_) => "",
        }
    }

    fn collect(&self, path: &str, field: &Field, value: &RawValue, violations: &mut Vec<Violation>) {
        let violation = |reason: String| Violation::of(path, field.about, reason);
        let found = json::type_name(value);
        if let Self::Any(kinds) = self {
            let fits = |kind: &Self| {
                let mut violations = Vec::new();
                kind.collect(path, field, value, &mut violations);
                violations.is_empty()
            };
            if !kinds.iter().any(fits) {
                violations.push(violation("None of the valid schemas were met".into()));
            }
            return;
        }
        if let (Self::TextOrInteger, "integer") = (self, found) {
            return;
        }
        if let (Self::Hours, "number") = (self, found) {
            let hours = value.get().parse::<f64>().unwrap_or(f64::NAN);
            if !(1.0 / 60.0..=f64::from(i32::MAX)).contains(&hours) {
                violations
                    .push(violation(format!("Value {} is not a number of minutes in hours", value.get())));
            }
            return;
        }
        if found != self.type_name() {
            let or_null = if field.nullable { ",null" } else { "" };
            violations.push(violation(format!(
                "Expected type {}{or_null} but found type {found}",
                self.type_name()
            )));
            return;
        }
        let text = || serde_json::from_str::<String>(value.get()).unwrap_or_default();
        match self {
            Self::Boolean | Self::AnyObject | Self::Any(_) => {}
            Self::Hours => Self::Integer(1, i64::from(i32::MAX)).collect(path, field, value, violations),
            Self::Integer(min, max) => {
                let number = value.get().parse::<f64>().unwrap_or(f64::NAN);
                #[expect(clippy::cast_precision_loss, reason = "bounds are far below 2^52")]
                let (low, high) = (*min as f64, *max as f64);
                if number < low {
                    violations.push(violation(format!("Value {} is less than minimum {min}", value.get())));
                } else if number > high {
                    violations
                        .push(violation(format!("Value {} is greater than maximum {max}", value.get())));
                }
            }
            Self::Text(rules) => violations.extend(rules.violation(&text()).map(violation)),
            Self::TextOrInteger => violations.extend(Text::at_least(1).violation(&text()).map(violation)),
            Self::OneOf(words) => {
                let text = text();
                if !words.contains(&text.as_str()) {
                    violations.push(violation(format!("No enum match for: {}", truncated(&text))));
                }
            }
            Self::Object(schema) | Self::Merged(schema) => {
                if let Some(object) = Object::of(value) {
                    schema.collect(path, &object, matches!(self, Self::Merged(_)), violations);
                }
            }
            Self::Array(min, kind) => {
                let elements: Vec<&RawValue> = serde_json::from_str(value.get()).unwrap_or_default();
                if elements.len() < *min {
                    violations
                        .push(violation(format!("Array is too short ({}), minimum {min}", elements.len())));
                }
                for (n, element) in elements.into_iter().enumerate().rev() {
                    kind.collect(&format!("{path}.{n}"), field, element, violations);
                }
            }
        }
    }
}

impl Text {
    /// The first violated rule.
    pub fn violation(&self, text: &str) -> Option<String> {
        let length = text.chars().count();
        if length < self.min {
            return Some(format!("String is too short ({length} chars), minimum {}", self.min));
        }
        if length > self.max {
            return Some(format!("String is too long ({length} chars), maximum {}", self.max));
        }
        if let Some((pattern, test)) = self.pattern
            && !test(text)
        {
            return Some(format!("String does not match pattern {pattern}: {}", truncated(text)));
        }
        let format = self.format.filter(|format| !format.matches(text))?;
        Some(format!("Object didn't pass validation for format {}: {}", format.name(), truncated(text)))
    }
}

/// A value for a message, cut to 200 characters.
fn truncated(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    static IDENTITY: Schema =
        Schema::closed(&[Field::new("user_id", Kind::TextOrInteger, "Its id").required()]);
    static SAMPLE: Schema = Schema::closed(&[
        Field::new("connection", Kind::Text(Text::at_least(1)), "Name of the connection").required(),
        Field::new("email", Kind::Text(Text::format(Format::Email)), "The user's email").nullable(),
        Field::new("age", Kind::Integer(0, 100), "Years"),
        Field::new("identity", Kind::Object(&IDENTITY), "The identity"),
        Field::new("roles", Kind::Array(1, &Kind::Text(Text::at_least(1))), "Roles"),
        Field::new("app", Kind::OneOf(&["spa", "native"]), "Type"),
    ]);

    fn message(body: &str) -> String {
        SAMPLE
            .check(&Object::read(body.as_bytes()).unwrap())
            .map_or_else(|e| e.message.into_owned(), |()| "fine".into())
    }

    #[test]
    fn message_lists_root_violations_first_then_members_in_reverse() {
        insta::assert_snapshot!(message(r#"{"email":"x","age":101,"first":1,"second":2,"roles":[]}"#), @"Payload validation error: 'Missing required property: connection'. (also) Payload validation error: 'Additional properties not allowed: second,first'. (also) Payload validation error: 'Array is too short (0), minimum 1' on property roles (Roles). (also) Payload validation error: 'Value 101 is greater than maximum 100' on property age (Years). (also) Payload validation error: 'Object didn't pass validation for format email: x' on property email (The user's email).");
    }

    #[test]
    fn check_descends_into_objects_and_arrays() {
        assert_eq!(message(r#"{"connection":"c","email":null,"identity":{"user_id":5}}"#), "fine");
        insta::assert_snapshot!(message(r#"{"connection":"","identity":{"x":5},"roles":[1]}"#), @"Payload validation error: 'Expected type string but found type integer' on property roles.0 (Roles). (also) Payload validation error: 'Missing required property: user_id' on property identity. (also) Payload validation error: 'Additional properties not allowed: x' on property identity. (also) Payload validation error: 'String is too short (0 chars), minimum 1' on property connection (Name of the connection).");
        insta::assert_snapshot!(message(r#"{"connection":null,"email":1,"app":"toaster"}"#), @"Payload validation error: 'No enum match for: toaster' on property app (Type). (also) Payload validation error: 'Expected type string,null but found type integer' on property email (The user's email). (also) Payload validation error: 'Expected type string but found type null' on property connection (Name of the connection).");
    }

    #[test]
    fn is_absolute_uri_allows_placeholders_and_custom_schemes() {
        for good in [
            "http://localhost:*",
            "http://localhost:*/callback",
            "https://*.example.com/*",
            "https://{organization_name}.example.com:{port}/x",
            "http://[::1]:3000",
            "com.example.app://host/ios/callback",
            "capacitor:back",
            "HTTPS://example.com",
        ] {
            assert!(is_absolute_uri(good), "{good}");
        }
        for bad in [
            "",
            "x",
            "/path",
            "example.com",
            "https://",
            "http:///x",
            "https:x",
            "http://:80",
            "1a://x",
            "app:",
            "https://a b",
            "https://a\n",
        ] {
            assert!(!is_absolute_uri(bad), "{bad}");
        }
    }

    #[test]
    fn is_email_checks_characters_and_labels() {
        for good in ["a@b.co", "jane.doe+x@example.com", "o'brien@exämple.org", "x_1@a-b.c1.de"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["x", "a@b", "@b.co", "a@.co", "a b@c.de", "a@b..de", "a@-b.de", ".a@b.de", "a@b.de\n"] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
