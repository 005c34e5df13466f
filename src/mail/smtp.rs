//! Handing mail to a server (RFC 5321). Every step has a time limit: lettre's own covers the connecting only.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, anyhow};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::model::{Content, Due, Refusal};

/// How long connecting may take, up to the server's greeting and the log-in, and how long handing over one mail.
const TIMEOUT: Duration = Duration::from_secs(30);

/// When the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encryption {
    /// Never: for a server on the same machine or network.
    None,
    /// By STARTTLS, or no mail is sent.
    StartTls,
    /// From the first byte on.
    Tls,
}

/// A mail server, as `mail.smtp_url` names it.
pub(crate) struct Server {
    host: String,
    port: u16,
    encryption: Encryption,
    login: Option<(String, String)>,
}

impl Server {
    /// Reads `smtps://user:password@host:465` or `smtp://user:password@host:587?tls=required`; `smtp://host:25` is not
    /// encrypted, so there is no password in it.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let (encryption, port) = match (url.scheme(), url.query()) {
            ("smtp", None) => (Encryption::None, 25),
            ("smtp", Some("tls=required")) => (Encryption::StartTls, 587),
            ("smtps", None) => (Encryption::Tls, 465),
            _ => return None,
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().ok().map(String::from);
        let login = match url.password() {
            Some(password) => Some((decoded(url.username())?, decoded(password)?)),
            None => None,
        };
        if login.is_some() && encryption == Encryption::None {
            return None;
        }
        let host = url.host_str().filter(|host| !host.is_empty())?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Self { host, port: url.port().unwrap_or(port), encryption, login })
    }
}

/// Is this a sender such as `Roster <no-reply@example.com>`?
pub(crate) fn is_mailbox(text: &str) -> bool {
    text.parse::<Mailbox>().is_ok()
}

/// Sends mail through a server.
pub struct Smtp {
    server: Server,
    tls: TlsParameters,
    from: Mailbox,
    timeout: Duration,
}

impl Smtp {
    /// A server by its URL, and the sender of all mail.
    pub fn new(url: &str, from: &str) -> anyhow::Result<Self> {
        let server = Server::parse(url)
            .ok_or_else(|| anyhow!("mail.smtp_url is not of the form smtps://user:password@host"))?;
        let tls = TlsParameters::new(server.host.clone()).context("TLS for the mail server")?;
        let from = from.parse().with_context(|| format!("mail.from is not a mailbox: {from}"))?;
        Ok(Self { server, tls, from, timeout: TIMEOUT })
    }

    /// The same with another time limit for each of the two steps.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Hands over a mail. Once the server has taken it, nothing that happens to the connection matters any more.
    pub(crate) async fn send(&self, mail: &Due, content: Content) -> Result<(), Refusal> {
        let message = self.message(mail, content)?;
        let mut connection =
            self.limited(self.connect()).await?.map_err(|e| Refusal::for_now(e.to_string()))?;
        self.limited(connection.send(message.envelope(), &message.formatted()))
            .await?
            .map_err(|e| Refusal { is_final: e.is_permanent() || e.is_client(), reason: e.to_string() })?;
        let timeout = self.timeout;
        tokio::spawn(async move { tokio::time::timeout(timeout, connection.quit()).await });
        Ok(())
    }

    async fn limited<T>(&self, step: impl Future<Output = T>) -> Result<T, Refusal> {
        let late = |_| Refusal::for_now("the mail server did not answer in time");
        tokio::time::timeout(self.timeout, step).await.map_err(late)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let Server { host, port, encryption, login } = &self.server;
        let name = ClientId::default();
        let tls = (*encryption == Encryption::Tls).then(|| self.tls.clone());
        let address = (host.as_str(), *port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(address, Some(self.timeout), &name, tls, None).await?;
        if *encryption == Encryption::StartTls {
            connection.starttls(self.tls.clone(), &name).await?;
        }
        if let Some((user, password)) = login {
            let credentials = Credentials::new(user.clone(), password.clone());
            connection.auth(DEFAULT_MECHANISMS, &credentials).await?;
        }
        Ok(connection)
    }

    fn message(&self, mail: &Due, content: Content) -> Result<Message, Refusal> {
        let refused = |e: &dyn std::fmt::Display| Refusal::for_good(e.to_string());
        let (local, domain) = mail.recipient.rsplit_once('@').unwrap_or_default();
        // Servers know a domain of other letters by its ASCII form (RFC 5891).
        let domain = Host::parse(domain).map_err(|e| refused(&e))?.to_string();
        let recipient = Address::new(local, domain).map_err(|e| refused(&e))?;
        let automatic =
            HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, recipient))
            .subject(&mail.subject)
            // The same at every attempt: if one succeeds without our knowing, the next is recognised as a copy.
            .message_id(Some(format!("<{}@{}>", mail.mail_id, self.from.email.domain())))
            .raw_header(automatic)
            .multipart(MultiPart::alternative_plain_html(content.text, content.html))
            .map_err(|e| refused(&e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_a_url() {
        let read = |url| Server::parse(url).map(|s| (s.host, s.port, s.encryption, s.login));
        let login = Some(("a@b".to_owned(), "p/w".to_owned()));
        let host = || "mx.example.com".to_owned();
        assert_eq!(
            read("smtps://a%40b:p%2Fw@mx.example.com"),
            Some((host(), 465, Encryption::Tls, login.clone()))
        );
        assert_eq!(
            read("smtp://a%40b:p%2Fw@mx.example.com?tls=required"),
            Some((host(), 587, Encryption::StartTls, login))
        );
        assert_eq!(read("smtp://[::1]:1025"), Some(("::1".into(), 1025, Encryption::None, None)));
        for bad in ["", "mx.example.com", "http://mx", "smtp://u:p@mx", "smtp://mx?tls=maybe", "smtps://"] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
