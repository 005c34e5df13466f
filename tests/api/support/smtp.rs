//! A mail server for one test, on a real socket. It stores the mails it accepts; tests set its behaviour.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use roster::mail::smtp::Smtp;
use roster::mail::{Sender, deliver_due};
use time::OffsetDateTime;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::{NEVER, Tenant, on_server, server};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Accepts,
    /// Answers `RCPT` with this line.
    Rejects(&'static str),
    /// Sends nothing.
    Hangs,
    /// Accepts the mail, and closes the connection without an answer.
    Disconnects,
}

#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub to: String,
    pub source: String,
}

impl Mail {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.source.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The link in the plain text.
    pub(crate) fn link(&self) -> String {
        let text = if self.source.contains("quoted-printable") {
            self.source.replace("=\r\n", "").replace("=3D", "=")
        } else {
            self.source.clone()
        };
        let link = text.split_whitespace().find(|word| word.contains("?ticket="));
        link.expect("a link in the mail").to_owned()
    }
}

#[derive(Clone)]
pub(crate) struct MailServer {
    url: String,
    state: Arc<Mutex<(Behaviour, Vec<Mail>)>>,
}

impl MailServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new((Behaviour::Accepts, Vec::new())));
        let server = Self { url, state };
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = accepting.clone();
                // A client that closes the connection early is no error of the server.
                tokio::spawn(async move { drop(server.serve(stream).await) });
            }
        });
        server
    }

    pub(crate) fn set(&self, behaviour: Behaviour) {
        self.state.lock().unwrap().0 = behaviour;
    }

    /// All mails accepted so far.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.state.lock().unwrap().1.clone()
    }

    /// The only mail.
    pub(crate) fn mail(&self) -> Mail {
        let mails = self.mails();
        assert_eq!(mails.len(), 1, "{mails:?}");
        mails[0].clone()
    }

    /// Sends the mails of a tenant that are due a number of hours from now; the number of mails that were attempted.
    pub(crate) async fn deliver(&self, tenant: &Tenant, hours: i64) -> usize {
        let smtp = Smtp::new(&self.url, None, "Roster <no-reply@example.com>").unwrap();
        // Only a server that hangs meets the limit, however slow the machine is.
        let is_hanging = self.state.lock().unwrap().0 == Behaviour::Hangs;
        let limit = if is_hanging { Duration::from_millis(500) } else { NEVER };
        let sender = Sender::Smtp(Box::new(smtp.with_timeout(limit)));
        let now = OffsetDateTime::now_utc() + time::Duration::hours(hours);
        let tenant = tenant.name.clone();
        on_server(async move {
            deliver_due(
                &server().app.db,
                &server().app.vault,
                &sender,
                now,
                Some(&tenant),
                &mut String::new(),
            )
            .await
            .unwrap()
        })
        .await
    }

    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let behaviour = self.state.lock().unwrap().0;
        let (reading, mut writing) = stream.into_split();
        let mut lines = BufReader::new(reading).lines();
        if behaviour == Behaviour::Hangs {
            while lines.next_line().await?.is_some() {}
            return Ok(());
        }
        writing.write_all(b"220 test\r\n").await?;
        let mut to = String::new();
        while let Some(line) = lines.next_line().await? {
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
            let answer = match verb.as_str() {
                "EHLO" => "250-test\r\n250 8BITMIME",
                "RCPT" => {
                    to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                    if let Behaviour::Rejects(answer) = behaviour { answer } else { "250 fine" }
                }
                "DATA" => {
                    writing.write_all(b"354 go on\r\n").await?;
                    let mut source = String::new();
                    while let Some(line) = lines.next_line().await? {
                        if line == "." {
                            break;
                        }
                        source.push_str(line.strip_prefix('.').unwrap_or(&line));
                        source.push_str("\r\n");
                    }
                    self.state.lock().unwrap().1.push(Mail { to: to.clone(), source });
                    if behaviour == Behaviour::Disconnects {
                        return Ok(());
                    }
                    "250 accepted"
                }
                "QUIT" => "221 bye",
                _ => "250 fine",
            };
            writing.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
        Ok(())
    }
}
