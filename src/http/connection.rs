//! A connection under actix's HTTP dispatcher, which has no time limit for writing, none for the head of a second
//! request, and answers what it cannot parse by itself, with an empty body.
//!
//! - A client that takes no bytes of a response for the write timeout is disconnected. The socket's send buffer is
//!   small ([`SEND_BUFFER`]), so that a slow reader shows progress in time. `TCP_USER_TIMEOUT` would not do: it
//!   accepts any trickle, and sees neither TLS nor the windows of HTTP/2.
//! - The head of every request arrives within [`TimeLimits::head`].
//! - The dispatcher's own responses (400, 408, 431) become responses of the API: its shape, `x-request-id`, a log
//!   line, and 414 for too long a URL. They are recognized as they are written: no response of the application is
//!   a head without `x-request-id`. The dispatcher's ERROR line for each of them is filtered in
//!   `cli/telemetry.rs`.
//!
//! HTTP/2 errors of the protocol remain frames of HTTP/2 (RFC 9113, 5.4), which have no body.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::web::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use uuid::Uuid;

use super::render::error_body;
use crate::base::error::{Error, ErrorKind, codes};
use crate::base::unread::Closer;

/// The size of a socket's send buffer, which Linux doubles. A blocked socket becomes writable after a third of it
/// is read.
pub const SEND_BUFFER: usize = 128 * 1024;
/// The longest URL that actix accepts.
const MAX_URI: usize = 65_534;
/// The longest head of a response of the dispatcher.
const MAX_BARE_HEAD: usize = 256;

/// A stream to a client.
pub trait Transport: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Transport for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Transport for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// The state that a connection shares with its requests.
#[derive(Debug)]
pub struct Peer {
    /// The address that the client connected to.
    pub local: Option<SocketAddr>,
    /// Whether the connection is encrypted.
    pub secure: bool,
    pub is_http2: bool,
    pub closer: Arc<Closer>,
    /// The number of active requests.
    requests: Cell<usize>,
    head: Cell<Head>,
    /// The unfinished responses of HTTP/2 with the time of their last progress. In HTTP/1 the socket blocks instead.
    responses: RefCell<Vec<(u64, Instant)>>,
    next_id: Cell<u64>,
}

/// The head of the next request.
#[derive(Clone, Copy, Debug)]
enum Head {
    /// No byte of it arrived.
    Absent,
    Arriving {
        since: Instant,
        /// The length of its first line so far.
        line: usize,
        line_ended: bool,
    },
    /// Bytes arrived during the last request: of its body, or of the next head.
    Unknown { since: Instant, received: bool },
}

impl Peer {
    fn new(tcp: &TcpStream, secure: bool, is_http2: bool) -> Self {
        Self {
            local: tcp.local_addr().ok(),
            secure,
            is_http2,
            closer: Arc::default(),
            requests: Cell::new(0),
            head: Cell::new(Head::Absent),
            responses: RefCell::default(),
            next_id: Cell::new(0),
        }
    }

    /// Counts a request as active until the guard is dropped.
    pub fn begin(self: &Rc<Self>) -> ActiveRequest {
        self.requests.set(self.requests.get() + 1);
        self.head.set(Head::Unknown { since: Instant::now(), received: false });
        ActiveRequest(Rc::clone(self))
    }

    /// The number of unfinished responses of HTTP/2.
    pub fn unfinished(&self) -> usize {
        self.responses.borrow().len()
    }

    /// Watches a response of HTTP/2 until the guard is dropped.
    pub fn watch(self: &Rc<Self>) -> Unfinished {
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        self.responses.borrow_mut().push((id, Instant::now()));
        Unfinished { peer: Rc::clone(self), id }
    }

    fn received(&self, bytes: &[u8]) {
        if bytes.is_empty() || self.is_http2 {
            return;
        }
        let (since, before) = match self.head.get() {
            Head::Unknown { since, .. } if self.requests.get() > 0 => {
                self.head.set(Head::Unknown { since, received: true });
                return;
            }
            Head::Arriving { line_ended: true, .. } => return,
            Head::Arriving { since, line, .. } => (since, line),
            Head::Absent | Head::Unknown { .. } => (Instant::now(), 0),
        };
        let newline = bytes.iter().position(|byte| *byte == b'\n');
        let line = before + newline.unwrap_or(bytes.len());
        self.head.set(Head::Arriving { since, line, line_ended: newline.is_some() });
    }

    /// The deadline of the head that is arriving, and whether it is certain that one is.
    fn head_deadline(&self, limits: &TimeLimits) -> Option<(Instant, bool)> {
        match self.head.get() {
            _ if self.is_http2 || self.requests.get() > 0 => None,
            Head::Arriving { since, .. } => Some((since + limits.head, true)),
            // By then, actix has closed a connection that is idle.
            Head::Unknown { since, received: true } => Some((since + limits.idle + limits.head, false)),
            Head::Absent | Head::Unknown { .. } => None,
        }
    }

    fn has_long_uri(&self) -> bool {
        matches!(self.head.get(), Head::Arriving { line, .. } if line > MAX_URI)
    }
}

/// An active request of a connection.
#[derive(Debug)]
pub struct ActiveRequest(Rc<Peer>);

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.requests.set(self.0.requests.get() - 1);
        if let Head::Unknown { received, .. } = self.0.head.get() {
            self.0.head.set(Head::Unknown { since: Instant::now(), received });
        }
    }
}

/// An unfinished response of HTTP/2.
#[derive(Debug)]
pub struct Unfinished {
    peer: Rc<Peer>,
    id: u64,
}

impl Unfinished {
    /// Notes that the client took bytes.
    pub fn progress(&self) {
        let mut responses = self.peer.responses.borrow_mut();
        if let Some((_, since)) = responses.iter_mut().find(|(id, _)| *id == self.id) {
            *since = Instant::now();
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.peer.responses.borrow_mut().retain(|(id, _)| *id != self.id);
    }
}

/// The time limits of a connection.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimits {
    /// How long a connection without a request stays open.
    pub idle: Duration,
    /// For the head of a request; also that of actix for the first one of a connection.
    pub head: Duration,
    /// How long the client may take no bytes of a response.
    pub write: Duration,
}

/// A connection with time limits.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    peer: Rc<Peer>,
    limits: TimeLimits,
    /// Since when the client takes no bytes.
    blocked: Option<Instant>,
    timer: Option<(Pin<Box<Sleep>>, Instant)>,
    /// A response in place of the dispatcher's.
    replacement: Bytes,
    /// Whether the last response was written, so that the client's further bytes are ignored.
    ended: bool,
}

impl<S: Transport> Connection<S> {
    pub fn new(stream: S, secure: bool, is_http2: bool, limits: TimeLimits) -> Self {
        let peer = Rc::new(Peer::new(stream.tcp(), secure, is_http2));
        Self { stream, peer, limits, blocked: None, timer: None, replacement: Bytes::new(), ended: false }
    }

    pub fn peer(&self) -> &Rc<Peer> {
        &self.peer
    }

    fn deadline(&self) -> Option<Instant> {
        let responses = self.peer.responses.borrow();
        let stalled = responses.iter().map(|(_, since)| *since).min();
        let write =
            [self.blocked, stalled].into_iter().flatten().min().map(|since| since + self.limits.write);
        let head = self.head_deadline().map(|(deadline, _)| deadline);
        [write, head].into_iter().flatten().min()
    }

    /// The deadline of a head. While the client has yet to take bytes, a response is incomplete, and a complete
    /// request may be queued behind it.
    fn head_deadline(&self) -> Option<(Instant, bool)> {
        self.peer.head_deadline(&self.limits).filter(|_| !self.ended && self.blocked.is_none())
    }

    /// Starts the timer, unless it runs out before the deadline anyway: it is started once for many requests.
    fn start_timer(&mut self, cx: &mut Context<'_>) {
        let Some(deadline) = self.deadline() else { return };
        match &mut self.timer {
            Some((_, at)) if *at <= deadline => return,
            Some((sleep, at)) => {
                *at = deadline;
                sleep.as_mut().reset(deadline);
            }
            None => self.timer = Some((Box::pin(sleep_until(deadline)), deadline)),
        }
        if let Some((sleep, _)) = &mut self.timer {
            // Registers the task. A deadline in the past wakes it at once.
            if sleep.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
    }

    /// Closes the connection if another thread demands it or the client is too slow.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        self.peer.closer.register(cx.waker());
        let mut is_closed = self.peer.closer.is_closed();
        if self.timer.as_ref().is_some_and(|(sleep, _)| sleep.is_elapsed()) {
            self.timer = None;
            let now = Instant::now();
            if let Some((deadline, is_certain)) = self.head_deadline()
                && deadline <= now
            {
                if is_certain {
                    let error = codes::REQUEST_TIMEOUT.with_message("The request did not arrive in time.");
                    self.replace(&error, None);
                }
                self.ended = true;
            }
            is_closed |= self.deadline().is_some_and(|deadline| deadline <= now);
        }
        if is_closed {
            // Unsent bytes would stay in the kernel for minutes.
            let _ = self.stream.tcp().set_zero_linger();
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }

    /// Notes whether the client takes bytes.
    fn note<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_pending() {
            self.blocked.get_or_insert_with(Instant::now);
            self.start_timer(cx);
        } else {
            self.blocked = None;
        }
        written
    }

    fn poll_replacement(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.replacement.is_empty() {
            let written = Pin::new(&mut self.stream).poll_write(cx, &self.replacement);
            match self.note(cx, written) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => self.replacement.advance(written),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sets the last response of the connection and logs it as the line of a request.
    fn replace(&mut self, error: &Error, date: Option<&str>) {
        if self.ended {
            return;
        }
        self.ended = true;
        let (status, request_id, body) = (error.kind.status, Uuid::now_v7().to_string(), error_body(error));
        let reason = super::render::reason(status);
        let date = date.map(|date| format!("{date}\r\n")).unwrap_or_default();
        let length = body.len();
        self.replacement = Bytes::from(format!(
            "HTTP/1.1 {status} {reason}\r\ncontent-type: application/json; charset=utf-8\r\n\
             content-length: {length}\r\nconnection: close\r\nx-request-id: {request_id}\r\n{date}\r\n{body}"
        ));
        tracing::info!(
            method = "-",
            route = "-",
            status,
            duration_ms = 0.0,
            request_id,
            tenant = "-",
            "request"
        );
    }

    fn bare_error(&self, status: &str) -> Option<Error> {
        let is_long = self.peer.has_long_uri();
        let kind: ErrorKind = match status {
            "400" | "431" if is_long => codes::URI_TOO_LONG,
            "400" => codes::MALFORMED_REQUEST,
            "431" => codes::HEADERS_TOO_LARGE,
            "408" => return Some(codes::REQUEST_TIMEOUT.with_message("The request did not arrive in time.")),
            "500" => codes::INTERNAL,
            _ => return None,
        };
        Some(kind.into())
    }
}

/// The start of a response of the dispatcher at the end of a buffer.
fn bare_head(buffer: &[u8]) -> Option<(usize, &str)> {
    if !buffer.ends_with(b"\r\n\r\n") {
        return None;
    }
    let from = buffer.len().saturating_sub(MAX_BARE_HEAD);
    let start = from
        + buffer[from..].windows(9).rposition(|window| window == b"HTTP/1.1 " || window == b"HTTP/1.0 ")?;
    let head = std::str::from_utf8(&buffer[start..]).ok()?;
    // A response of the application always has an id.
    (!head.contains("\r\nx-request-id: ")).then_some((start, head))
}

impl<S: Transport> AsyncRead for Connection<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check(cx)?;
        if this.ended {
            // An end of the stream makes the dispatcher flush and close.
            return Poll::Ready(Ok(()));
        }
        let filled = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if read.is_ready() {
            this.peer.received(&buffer.filled()[filled..]);
        } else {
            this.start_timer(cx);
        }
        read
    }
}

impl<S: Transport> AsyncWrite for Connection<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check(cx)?;
        if this.poll_replacement(cx)?.is_pending() {
            return Poll::Pending;
        }
        let mut buffer = buffer;
        if !this.peer.is_http2
            && let Some((start, head)) = bare_head(buffer)
            && let Some(error) = this.bare_error(head.get(9..12).unwrap_or_default())
        {
            if start == 0 {
                this.replace(&error, head.lines().find(|line| line.starts_with("date: ")));
                let length = buffer.len();
                let _ = this.poll_replacement(cx)?;
                return Poll::Ready(Ok(length));
            }
            buffer = &buffer[..start];
        }
        let written = Pin::new(&mut this.stream).poll_write(cx, buffer);
        this.note(cx, written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check(cx)?;
        if this.poll_replacement(cx)?.is_pending() {
            return Poll::Pending;
        }
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.note(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check(cx)?;
        if this.poll_replacement(cx)?.is_pending() {
            return Poll::Pending;
        }
        let shut = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.note(cx, shut)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.peer.is_http2 {
            let first = buffers.iter().find(|buffer| !buffer.is_empty()).map_or(&[][..], |buffer| &**buffer);
            return Pin::new(this).poll_write(cx, first);
        }
        this.check(cx)?;
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, buffers);
        this.note(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
