//! The pages behind the links: plain HTML that needs neither scripts nor styles.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::model::{Kind, State, Ticket};
use crate::base::passwords::Policy;
use crate::resources::connections::Connection;

const STYLE: &str = "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:30rem;margin:3rem auto;padding:0 1rem}label,input,button{display:block;font:inherit}input{width:100%;box-sizing:border-box;padding:.4rem;margin-bottom:1rem}button{padding:.4rem 1.2rem}[role=alert]{border-left:.3rem solid #b00020;padding-left:.7rem}";

static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE.as_bytes())));

/// A page to be answered.
#[derive(Debug)]
pub struct Page {
    /// HTTP status.
    pub status: u16,
    /// The document.
    pub html: String,
    /// `Content-Security-Policy`: nothing is loaded, nothing runs, nobody frames it.
    pub policy: String,
}

impl Page {
    fn new(status: u16, title: &str, body: &str, goes_on_to: Option<&str>) -> Self {
        let html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n"
        );
        // Browsers hold the redirect that answers a form against form-action too.
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; form-action 'self'{}; base-uri 'none'; frame-ancestors 'none'",
            *STYLE_HASH,
            goes_on_to.map(|origin| format!(" {origin}")).unwrap_or_default()
        );
        Self { status, html, policy }
    }
}

/// The title of a kind's pages.
fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::PasswordChange => "Reset your password",
        Kind::EmailVerification => "Verify your email address",
    }
}

/// What is told once a ticket was used, on the page or to the `result_url`.
pub fn success_message(kind: Kind) -> &'static str {
    match kind {
        Kind::PasswordChange => "You can now login to the application with the new password.",
        Kind::EmailVerification => "Your email was verified. You can continue using the application.",
    }
}

/// After success.
pub fn done(kind: Kind) -> Page {
    Page::new(200, title(kind), &format!("<p role=\"status\">{}</p>", success_message(kind)), None)
}

/// For a ticket that cannot be used; `None` for one that never was.
pub fn refused(kind: Kind, state: Option<State>) -> Page {
    let (status, why) = match state {
        None => (400, "This link is not valid. Perhaps it was not copied whole."),
        Some(State::Used) => (410, "This link has been used already. It works only once."),
        Some(State::Expired) => (410, "This link has expired."),
        Some(State::Overtaken | State::Good) => {
            (410, "This link is no longer valid: the account was changed since it was sent.")
        }
    };
    let body = format!("<p role=\"alert\">{why}</p>\n<p>If you still need one, ask for a new link.</p>");
    Page::new(status, title(kind), &body, None)
}

/// The form that uses a ticket; with a fault, the one that was found in what was sent.
pub fn form(kind: Kind, token: &str, ticket: &Ticket, connection: &Connection, fault: Option<&str>) -> Page {
    let email = escape(&ticket.email);
    let (intro, fields, button) = match kind {
        Kind::PasswordChange => (
            format!("Choose a new password for <strong>{email}</strong>."),
            password_fields(connection, fault),
            "Set the password",
        ),
        Kind::EmailVerification => {
            (format!("Confirm that <strong>{email}</strong> is your address."), String::new(), "Confirm")
        }
    };
    let alert =
        fault.map(|fault| format!("<p role=\"alert\" aria-live=\"assertive\" id=\"fault\">{fault}</p>\n"));
    let body = format!(
        "{}<p>{intro}</p>\n<form method=\"post\" action=\"{}\">\n<input type=\"hidden\" name=\"ticket\" value=\"{}\">\n{fields}<button>{button}</button>\n</form>",
        alert.unwrap_or_default(),
        kind.path(),
        escape(token)
    );
    let origin = ticket.result_url.as_ref().map(|url| url.origin().ascii_serialization());
    let (status, title) = match fault {
        None => (200, title(kind).to_owned()),
        // The title is what a screen reader says first.
        Some(_) => (400, format!("Error: {}", title(kind))),
    };
    Page::new(status, &title, &body, origin.as_deref())
}

fn password_fields(connection: &Connection, fault: Option<&str>) -> String {
    let rules = rules(connection).join("</li>\n<li>");
    let about = if fault.is_some() { "\"rules fault\" aria-invalid=\"true\"" } else { "\"rules\"" };
    let field = |name: &str, label: &str| {
        format!(
            "<label for=\"{name}\">{label}</label>\n<input type=\"password\" id=\"{name}\" name=\"{name}\" autocomplete=\"new-password\" required aria-describedby={about}>\n"
        )
    };
    format!(
        "<p>It needs:</p>\n<ul id=\"rules\">\n<li>{rules}</li>\n</ul>\n{}{}",
        field("password", "New password"),
        field("confirmation", "The same again")
    )
}

/// What a connection asks of a password, in words.
fn rules(connection: &Connection) -> Vec<String> {
    let policy = connection.options.password_policy;
    let length = connection.options.min_length().unwrap_or_else(|| policy.min_length());
    let mut rules = vec![format!("at least {length} character{}", if length == 1 { "" } else { "s" })];
    let kinds = match policy {
        Policy::None | Policy::Low => None,
        Policy::Fair => Some("a lower case letter, an upper case letter and a number"),
        Policy::Good | Policy::Excellent => {
            Some("three of: lower case letters, upper case letters, numbers, special characters")
        }
    };
    rules.extend(kinds.map(str::to_owned));
    if policy == Policy::Excellent {
        rules.push("no more than two identical characters in a row".into());
    }
    rules
}

/// Text as it stands in HTML, in attributes too.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
