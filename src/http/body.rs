//! The body of a request. The handler reads it after the extractors have authenticated and authorized the
//! caller.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use actix_web::web::{self, Bytes};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::StreamExt;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

use crate::app::App;
use crate::base::bodies::{Pace, Reservation, UNCOUNTED};
use crate::base::encoding::{self, Encoding, Failure};
use crate::base::error::{Error, codes};
use crate::base::json::{self, FromBody, Object};
use crate::base::rate_limits;
use crate::http::caller::{app, ip};

/// Maximum number of lists in a form, and of members of an object in them. Names are compared one by one.
const MAX_NAMES: usize = 50;

/// A body that is not read yet.
pub struct Body {
    payload: Payload,
    request: HttpRequest,
    app: web::Data<App>,
}

impl FromRequest for Body {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(app(request).map(|app| Self { payload: payload.take(), request: request.clone(), app }))
    }
}

impl Body {
    /// Reads a JSON or form body. A form becomes a JSON object of texts, except for `true` and `false`, and of
    /// lists where names have brackets.
    ///
    /// # Errors
    /// 415 for another content type or coding, 413 above the size limit, 408 below the least speed, 429 and 503
    /// above the limits of memory.
    pub async fn read(mut self) -> Result<Read, Error> {
        let form = match self.content_type().as_deref() {
            None | Some("application/json") => false,
            Some(other) if other.starts_with("application/") && other.ends_with("+json") => false,
            Some("application/x-www-form-urlencoded") => true,
            Some(other) => {
                let shown: String = other.chars().take(80).collect();
                return Err(codes::UNSUPPORTED_MEDIA_TYPE
                    .with_message(format!("Unsupported Media Type: {shown}. Send application/json.")));
            }
        };
        let bytes = self.bytes().await?;
        Ok(Read(if form { form_as_json(&bytes)? } else { bytes }))
    }

    /// Reads the body as a JSON object and parses it.
    pub async fn parse<T: FromBody>(self) -> Result<T, Error> {
        T::from_body(&self.read().await?.object()?)
    }

    /// Reads the fields of a form as texts.
    pub async fn form(mut self) -> Result<Vec<(String, String)>, Error> {
        if self.content_type().as_deref() != Some("application/x-www-form-urlencoded") {
            return Err(codes::UNSUPPORTED_MEDIA_TYPE.into());
        }
        let fields = form_fields(&self.bytes().await?)?;
        if fields.iter().any(|(key, value)| key.contains('\0') || value.contains('\0')) {
            return Err(invalid_form());
        }
        Ok(fields)
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.request.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// The media type without parameters, in lower case.
    fn content_type(&self) -> Option<String> {
        let value = self.header(&CONTENT_TYPE)?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    /// The content coding; 415 for an unknown one, or more than one.
    fn encoding(&self) -> Result<Option<Encoding>, Error> {
        let values: Vec<&str> = self
            .request
            .headers()
            .get_all(CONTENT_ENCODING)
            .flat_map(|value| value.to_str().unwrap_or("?").split(','))
            .map(str::trim)
            .filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"))
            .collect();
        let encoding = match values[..] {
            [] => return Ok(None),
            [name] => Encoding::parse(name),
            _ => None,
        };
        encoding.map(Some).ok_or_else(|| {
            codes::UNSUPPORTED_MEDIA_TYPE
                .with_message(format!("Unsupported Content-Encoding. Send one of: {}.", encoding::ACCEPTED))
        })
    }

    /// Reads and decodes the body. The request holds its memory until it is answered.
    async fn bytes(&mut self) -> Result<Bytes, Error> {
        let encoding = self.encoding()?;
        let mut memory = self.app.bodies.reservation();
        let mut bytes = Bytes::from(self.receive(&mut memory).await?);
        if let Some(encoding) = encoding {
            let limit = self.app.bodies.limits().body;
            let decoded = encoding.decode(&bytes, limit, |bytes| self.take(&mut memory, bytes));
            bytes = decoded.map(Bytes::from).map_err(|failure| match failure {
                Failure::Corrupt => codes::INVALID_BODY.with_message(format!(
                    "The body is not valid {}, as Content-Encoding says.",
                    encoding.name()
                )),
                Failure::TooLarge => too_large(limit),
                Failure::Rejected(error) => error,
            })?;
        }
        if !memory.is_empty() {
            self.request.extensions_mut().insert(memory);
        }
        Ok(bytes)
    }

    fn take(&self, memory: &mut Reservation, bytes: usize) -> Result<(), Error> {
        let address = || ip(&self.request, self.app.trust_forwarded_for).unwrap_or_default();
        memory.take(bytes, || rate_limits::caller(&address()))
    }

    async fn receive(&mut self, memory: &mut Reservation) -> Result<Vec<u8>, Error> {
        let limits = *self.app.bodies.limits();
        let length: Option<usize> = self.header(&CONTENT_LENGTH).and_then(|length| length.parse().ok());
        if length.is_some_and(|length| length > limits.body) {
            return Err(too_large(limits.body));
        }
        let mut bytes = Vec::new();
        let _uncounted = self.app.load.uncount();
        let mut pace = Pace::new(&limits, Instant::now());
        while let Some(chunk) =
            timeout_at(pace.deadline(), self.payload.next()).await.map_err(|_| codes::REQUEST_TIMEOUT)?
        {
            let chunk = chunk.map_err(|_| codes::INVALID_JSON)?;
            let size = bytes.len() + chunk.len();
            if size > limits.body {
                return Err(too_large(limits.body));
            }
            if size > bytes.capacity() {
                // Grows by what arrived, not by what the client announces.
                let limit = length.unwrap_or(limits.body);
                let capacity = (2 * bytes.capacity()).max(UNCOUNTED).min(limit).max(size);
                self.take(memory, capacity - bytes.capacity())?;
                bytes.reserve_exact(capacity - bytes.len());
            }
            bytes.extend_from_slice(&chunk);
            pace.advance(&limits, chunk.len(), Instant::now());
        }
        Ok(bytes)
    }
}

fn too_large(limit: usize) -> Error {
    codes::PAYLOAD_TOO_LARGE
        .with_message(format!("Payload content length greater than maximum allowed: {limit}"))
}

/// The bytes of a body.
pub struct Read(Bytes);

impl Read {
    /// The body as a JSON object.
    pub fn object(&self) -> Result<Object<'_>, Error> {
        Object::read(&self.0)
    }

    /// The elements of the body as a JSON list.
    pub fn list(&self) -> Result<Vec<&RawValue>, Error> {
        json::list(&self.0)
    }
}

fn invalid_form() -> Error {
    codes::INVALID_BODY.with_message("Invalid form payload")
}

fn form_fields(bytes: &[u8]) -> Result<Vec<(String, String)>, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| invalid_form())?;
    // Percent sequences that are not UTF-8 would become replacement characters, which are another text.
    if percent_encoding::percent_decode_str(text).decode_utf8().is_err() {
        return Err(invalid_form());
    }
    serde_urlencoded::from_str(text).map_err(|_| invalid_form())
}

/// A form as a JSON object. `name[]` is an element of a list, `name[][key]` a member of an object in a list: a
/// key that the last object has begins the next one.
fn form_as_json(bytes: &[u8]) -> Result<Bytes, Error> {
    let (mut members, mut lists) = (Vec::new(), Vec::<(String, Vec<Element>)>::new());
    for (key, value) in form_fields(bytes)? {
        let value = match value.as_str() {
            "true" | "false" => value,
            text => Value::from(text).to_string(),
        };
        let Some((name, brackets)) = key.split_once("[]") else {
            members.push((key, value));
            continue;
        };
        let index = lists.iter().position(|(list, _)| list == name).unwrap_or(lists.len());
        if index == lists.len() {
            lists.push((name.to_owned(), Vec::new()));
        }
        let list = &mut lists[index].1;
        match brackets.strip_prefix('[').and_then(|key| key.strip_suffix(']')) {
            None if brackets.is_empty() => list.push(Element::Value(value)),
            Some(key) if !key.contains(['[', ']']) => match list.last_mut() {
                Some(Element::Object(object)) if object.iter().all(|(other, _)| other != key) => {
                    object.push((key.to_owned(), value));
                }
                _ => list.push(Element::Object(vec![(key.to_owned(), value)])),
            },
            _ => return Err(invalid_form()),
        }
        let is_large = matches!(list.last(), Some(Element::Object(members)) if members.len() > MAX_NAMES);
        if is_large || lists.len() > MAX_NAMES {
            return Err(invalid_form());
        }
    }
    let lists = lists.into_iter().map(|(name, list)| {
        let elements: Vec<String> = list.into_iter().map(Element::json).collect();
        (name, format!("[{}]", elements.join(",")))
    });
    members.extend(lists);
    Ok(Bytes::from(object(members)))
}

/// An element of a list in a form; values are JSON text.
enum Element {
    Value(String),
    Object(Vec<(String, String)>),
}

impl Element {
    fn json(self) -> String {
        match self {
            Self::Value(value) => value,
            Self::Object(members) => object(members),
        }
    }
}

/// A JSON object of members whose values are JSON text.
fn object(members: Vec<(String, String)>) -> String {
    let members = members.into_iter().map(|(name, value)| format!("{}:{value}", Value::from(name)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}
