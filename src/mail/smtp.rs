//! Sends mails to a server (RFC 5321). Each step has a time limit, because lettre limits the connection
//! alone.

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

use super::model::{Content, Failure};
use super::store::ClaimedMail;

/// The time limit of each step: the connection, with greeting and authentication, and the transfer of a mail.
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encryption {
    /// For a server on the same machine or network.
    None,
    /// By STARTTLS; a server without it gets no mail.
    StartTls,
    /// From the first byte.
    Tls,
}

/// The mail server of `mail.smtp_url`.
pub(crate) struct Server {
    host: String,
    port: u16,
    encryption: Encryption,
    user: String,
    password: Option<String>,
}

impl Server {
    /// Reads `smtps://user:password@host:465`, `smtp://user:password@host:587?tls=required`, or
    /// `smtp://host:25`, which is not encrypted and therefore has no password.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let (encryption, port) = match (url.scheme(), url.query()) {
            ("smtp", None) => (Encryption::None, 25),
            ("smtp", Some("tls=required")) => (Encryption::StartTls, 587),
            ("smtps", None) => (Encryption::Tls, 465),
            _ => return None,
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().ok().map(String::from);
        let user = decoded(url.username())?;
        let password = match url.password() {
            Some(password) => Some(decoded(password)?),
            None => None,
        };
        if password.is_some() && encryption == Encryption::None {
            return None;
        }
        let host = url.host_str().filter(|host| !host.is_empty())?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Self { host, port: url.port().unwrap_or(port), encryption, user, password })
    }

    /// The server with a password that is not in its URL; `None` without a user or without encryption.
    pub(crate) fn with_password(self, password: &str) -> Option<Self> {
        let is_possible = !self.user.is_empty() && self.encryption != Encryption::None;
        is_possible.then(|| Self { password: Some(password.to_owned()), ..self })
    }
}

/// Is the text a sender such as `Roster <no-reply@example.com>`?
pub(crate) fn is_mailbox(text: &str) -> bool {
    text.parse::<Mailbox>().is_ok()
}

/// A mail server and the sender of all mails.
pub struct Smtp {
    server: Server,
    tls: TlsParameters,
    from: Mailbox,
    timeout: Duration,
}

impl Smtp {
    /// A server by its URL. A `password` replaces the one of the URL.
    pub fn new(url: &str, password: Option<&str>, from: &str) -> anyhow::Result<Self> {
        let server = Server::parse(url)
            .ok_or_else(|| anyhow!("mail.smtp_url is not of the form smtps://user:password@host"))?;
        let server = match password {
            Some(password) => server
                .with_password(password)
                .ok_or_else(|| anyhow!("mail.smtp_password needs a user and encryption in mail.smtp_url"))?,
            None => server,
        };
        let tls = TlsParameters::new(server.host.clone()).context("TLS for the mail server")?;
        let from = from.parse().with_context(|| format!("mail.from is not a mailbox: {from}"))?;
        Ok(Self { server, tls, from, timeout: TIMEOUT })
    }

    /// Changes the time limit of each step.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sends a mail. After the server has accepted it, errors of the connection are ignored.
    pub(crate) async fn send(&self, mail: &ClaimedMail, content: Content) -> Result<(), Failure> {
        let message = self.message(mail, content)?;
        let mut connection =
            self.limited(self.connect()).await?.map_err(|e| Failure::temporary(e.to_string()))?;
        self.limited(connection.send(message.envelope(), &message.formatted())).await?.map_err(|e| {
            Failure { is_permanent: e.is_permanent() || e.is_client(), reason: e.to_string() }
        })?;
        let timeout = self.timeout;
        tokio::spawn(async move { tokio::time::timeout(timeout, connection.quit()).await });
        Ok(())
    }

    async fn limited<T>(&self, step: impl Future<Output = T>) -> Result<T, Failure> {
        let late = |_| Failure::temporary("the mail server did not answer in time");
        tokio::time::timeout(self.timeout, step).await.map_err(late)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let Server { host, port, encryption, user, password } = &self.server;
        let name = ClientId::default();
        let tls = (*encryption == Encryption::Tls).then(|| self.tls.clone());
        let address = (host.as_str(), *port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(address, Some(self.timeout), &name, tls, None).await?;
        if *encryption == Encryption::StartTls {
            connection.starttls(self.tls.clone(), &name).await?;
        }
        if let Some(password) = password {
            let credentials = Credentials::new(user.clone(), password.clone());
            connection.auth(DEFAULT_MECHANISMS, &credentials).await?;
        }
        Ok(connection)
    }

    fn message(&self, mail: &ClaimedMail, content: Content) -> Result<Message, Failure> {
        let invalid = |e: &dyn std::fmt::Display| Failure::permanent(e.to_string());
        let (local, domain) = mail.recipient.rsplit_once('@').unwrap_or_default();
        // SMTP uses the ASCII form of an internationalized domain (RFC 5891).
        let domain = Host::parse(domain).map_err(|e| invalid(&e))?.to_string();
        let recipient = Address::new(local, domain).map_err(|e| invalid(&e))?;
        let automatic =
            HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, recipient))
            .subject(&mail.subject)
            // The same for every attempt: a mail that arrives twice is recognised as a copy.
            .message_id(Some(format!("<{}@{}>", mail.mail_id, self.from.email.domain())))
            .raw_header(automatic)
            .multipart(MultiPart::alternative_plain_html(content.text, content.html))
            .map_err(|e| invalid(&e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smtp_url_names_server_encryption_and_login() {
        let login = |s: &Server| s.password.clone().map(|password| (s.user.clone(), password));
        let read = |url| Server::parse(url).map(|s| (s.host.clone(), s.port, s.encryption, login(&s)));
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

    #[test]
    fn separate_password_needs_a_user_and_encryption() {
        let read = |url| Server::parse(url).unwrap().with_password("p/w");
        for (url, user) in [("smtps://a%40b@mx", "a@b"), ("smtp://a:old@mx?tls=required", "a")] {
            let server = read(url).unwrap();
            assert_eq!((&*server.user, server.password.as_deref()), (user, Some("p/w")), "{url}");
        }
        for bad in ["smtps://mx", "smtp://a@mx"] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
