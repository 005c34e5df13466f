//! The body of a request. The handler reads it after the extractors have authenticated and authorized the caller.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::{self, Bytes, BytesMut};
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt;
use serde_json::value::RawValue;
use tokio::time::timeout_at;

use crate::app::App;
use crate::base::error::{Error, codes};
use crate::base::json::{self, FromBody, Object};
use crate::http::caller::app;

/// Time limit for receiving a body.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum size of the buffer before the first byte arrives, whatever `Content-Length` says.
const INITIAL_CAPACITY: usize = 16 * 1024;

/// A body that is not read yet.
pub struct Body {
    payload: Payload,
    content_type: Option<String>,
    length: Option<usize>,
    app: web::Data<App>,
}

impl FromRequest for Body {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        ready(app(request).map(|app| {
            Self {
                payload: payload.take(),
                content_type: text(CONTENT_TYPE)
                    .map(|t| t.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()),
                length: text(CONTENT_LENGTH).and_then(|n| n.parse().ok()),
                app,
            }
        }))
    }
}

impl Body {
    /// Reads a JSON or form body. A form becomes a JSON object of texts, except for `true` and `false`.
    ///
    /// # Errors
    /// 415 for another content type, 413 above the size limit, 408 after the time limit.
    pub async fn read(mut self) -> Result<Read, Error> {
        let form = match self.content_type.as_deref() {
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
        Ok(Read(if form { form_as_json(&bytes)? } else { bytes.freeze() }))
    }

    /// Reads the body as a JSON object and parses it.
    pub async fn parse<T: FromBody>(self) -> Result<T, Error> {
        T::from_body(&self.read().await?.object()?)
    }

    /// Reads the fields of a form as texts.
    pub async fn form(mut self) -> Result<Vec<(String, String)>, Error> {
        if self.content_type.as_deref() != Some("application/x-www-form-urlencoded") {
            return Err(codes::UNSUPPORTED_MEDIA_TYPE.into());
        }
        let fields = form_fields(&self.bytes().await?)?;
        if fields.iter().any(|(key, value)| key.contains('\0') || value.contains('\0')) {
            return Err(invalid_form());
        }
        Ok(fields)
    }

    async fn bytes(&mut self) -> Result<BytesMut, Error> {
        let limit = self.app.body_limit;
        let too_large = || {
            codes::PAYLOAD_TOO_LARGE
                .with_message(format!("Payload content length greater than maximum allowed: {limit}"))
        };
        if self.length.is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut bytes = BytesMut::with_capacity(self.length.unwrap_or(0).min(INITIAL_CAPACITY));
        let _uncounted = self.app.load.uncount();
        let deadline = tokio::time::Instant::now() + READ_TIMEOUT;
        while let Some(chunk) =
            timeout_at(deadline, self.payload.next()).await.map_err(|_| codes::REQUEST_TIMEOUT)?
        {
            let chunk = chunk.map_err(|_| codes::INVALID_JSON)?;
            if bytes.len() + chunk.len() > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
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

fn form_as_json(bytes: &[u8]) -> Result<Bytes, Error> {
    let fields = form_fields(bytes)?;
    let member = |(key, value): &(String, String)| {
        let value = if value == "true" || value == "false" {
            value.clone()
        } else {
            serde_json::Value::from(value.as_str()).to_string()
        };
        format!("{}:{value}", serde_json::Value::from(key.as_str()))
    };
    let members: Vec<String> = fields.iter().map(member).collect();
    Ok(Bytes::from(format!("{{{}}}", members.join(","))))
}
