//! What happens to every request and response between the log line and the routes: errors as pages,
//! `Content-Encoding`, and the memory of responses that the client does not read.
//!
//! A response keeps its entity tag when it is encoded, although RFC 9110 (8.8.3.3) has another strong tag for each
//! encoding. The tag is the version that `If-Match` of a later PATCH names, and Roster answers no ranges, for which
//! two encodings under one tag would be confused.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    self, ACCEPT_ENCODING, AcceptEncoding, CONTENT_ENCODING, CONTENT_TYPE, Header, HeaderValue, RETRY_AFTER,
    VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use tokio::sync::Semaphore;

use super::connection::{Peer, Unfinished};
use super::html;
use crate::app::App;
use crate::base::encoding::{self, Encoding};
use crate::base::unread::Held;

/// Encoding a smaller body takes as long as reading a user does, and saves a packet at most.
const MIN_ENCODED: usize = 2000;
/// A larger body is encoded on another thread.
const MAX_ENCODED_HERE: usize = 128 * 1024;
/// The size of the parts of a response: a larger one is not copied into the write buffer as a whole.
const PART: usize = 32 * 1024;
/// The largest number of unfinished responses of an HTTP/2 connection. actix lets a client open any number of
/// streams.
const MAX_UNFINISHED: usize = 256;

/// The encodings of large bodies that run at a time; further responses are not encoded.
static LARGE_ENCODINGS: Semaphore = Semaphore::const_new(4);

/// Middleware of every request.
pub async fn finish<B: MessageBody + 'static>(
    app: web::Data<App>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let peer = request.conn_data::<Rc<Peer>>().cloned();
    let active = peer.as_ref().map(Peer::begin);
    if let Some(peer) = &peer
        && peer.unfinished() >= MAX_UNFINISHED
    {
        peer.closer.close();
    }
    let response = next.call(request).await?.map_body(|_, body| body.boxed());
    let (request, mut response) = response.into_parts();
    let status = response.status();
    if status.as_u16() >= 400 {
        response = refine_error(&request, response);
    }
    if status == StatusCode::NOT_MODIFIED || size(&response) >= MIN_ENCODED && is_text(&response) {
        response.headers_mut().append(VARY, HeaderValue::from_static("Accept-Encoding"));
        if let Some(encoding) = accepted_encoding(&request) {
            response = encode(response, encoding).await;
        }
    }
    if let Some(peer) = peer
        && (peer.is_http2 || size(&response) > PART)
        && request.method() != Method::HEAD
    {
        let bytes = size(&response);
        let held = app.unread.hold(bytes, &peer.closer);
        let unfinished = peer.is_http2.then(|| peer.watch());
        response = response.map_body(|_, body| match body.try_into_bytes() {
            Ok(bytes) => BoxBody::new(Parts { bytes, held, unfinished }),
            Err(body) => body,
        });
    }
    drop(active);
    Ok(ServiceResponse::new(request, response))
}

fn size(response: &HttpResponse) -> usize {
    match response.body().size() {
        BodySize::Sized(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX),
        BodySize::None | BodySize::Stream => 0,
    }
}

/// Adds the headers that belong to the status of an error, and turns it into a page where one is wanted.
fn refine_error(request: &HttpRequest, mut response: HttpResponse) -> HttpResponse {
    let status = response.status();
    let headers = response.headers_mut();
    if status == StatusCode::TOO_MANY_REQUESTS && !headers.contains_key(RETRY_AFTER) {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE && request.headers().contains_key(CONTENT_ENCODING) {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(encoding::ACCEPTED));
    }
    if !html::is_json_error(status, response.headers()) || !html::is_wanted(request) {
        return response;
    }
    let (mut response, body) = response.into_parts();
    let json = body.try_into_bytes().unwrap_or_default();
    let page = html::page(html::of_error(status, &json));
    for (name, value) in page.headers() {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    response.set_body(page.into_body())
}

fn is_text(response: &HttpResponse) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    let is_encoded = response.headers().contains_key(CONTENT_ENCODING);
    (kind.starts_with(b"application/json") || kind.starts_with(b"text/")) && !is_encoded
}

fn accepted_encoding(request: &HttpRequest) -> Option<Encoding> {
    request.headers().get(ACCEPT_ENCODING)?;
    let supported = [
        header::Encoding::gzip(),
        header::Encoding::brotli(),
        header::Encoding::zstd(),
        header::Encoding::identity(),
    ];
    let accepted = AcceptEncoding::parse(request).ok()?.negotiate(supported.iter())?;
    // Identity is no coding.
    Encoding::parse(&accepted.to_string())
}

/// Encodes the body. A response to HEAD is encoded too, since its headers are those of GET.
async fn encode(response: HttpResponse, encoding: Encoding) -> HttpResponse {
    let (mut response, body) = response.into_parts();
    let body = match body.try_into_bytes() {
        Ok(bytes) => bytes,
        Err(body) => return response.set_body(body),
    };
    let encoded = if body.is_empty() {
        None
    } else if body.len() <= MAX_ENCODED_HERE {
        encoding.encode(&body).ok()
    } else if let Ok(_permit) = LARGE_ENCODINGS.try_acquire() {
        let body = body.clone();
        web::block(move || encoding.encode(&body).ok()).await.unwrap_or_default()
    } else {
        None
    };
    let body = match encoded.filter(|encoded| encoded.len() < body.len()) {
        Some(encoded) => {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
            Bytes::from(encoded)
        }
        None => body,
    };
    response.set_body(BoxBody::new(body))
}

/// A body that is sent in parts, which notes when the client takes them.
struct Parts {
    bytes: Bytes,
    held: Held,
    unfinished: Option<Unfinished>,
}

impl MessageBody for Parts {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.bytes.len() as u64)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let this = self.get_mut();
        if this.bytes.is_empty() {
            return Poll::Ready(None);
        }
        let part = this.bytes.split_to(this.bytes.len().min(PART));
        this.held.sent(part.len());
        if let Some(unfinished) = &this.unfinished {
            unfinished.progress();
        }
        Poll::Ready(Some(Ok(part)))
    }
}
