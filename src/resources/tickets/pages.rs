//! The pages that the links of tickets lead to: plain HTML without scripts.

use url::Url;

use super::model::{Kind, State, Ticket};
use crate::base::html::{Page, escape};
use crate::base::passwords::Policy;
use crate::resources::connections::Connection;

/// The origin of a URL as a source of a Content-Security-Policy; `None` for one with other characters than an
/// origin needs: a host can contain `;`, which would begin another directive.
fn source(url: &Url) -> Option<String> {
    let origin = url.origin().ascii_serialization();
    let is_safe = origin.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/[]".contains(&b));
    (is_safe && matches!(url.scheme(), "http" | "https")).then_some(origin)
}

fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::PasswordChange => "Reset your password",
        Kind::EmailVerification => "Verify your email address",
    }
}

/// The message after a ticket is used, on the page or in the parameters of `result_url`.
pub fn success_message(kind: Kind) -> &'static str {
    match kind {
        Kind::PasswordChange => "You can now login to the application with the new password.",
        Kind::EmailVerification => "Your email was verified. You can continue using the application.",
    }
}

/// The page after a ticket is used, without a `result_url`.
pub fn success(kind: Kind) -> Page {
    Page::new(200, title(kind), &format!("<p role=\"status\">{}</p>", success_message(kind)), None)
}

/// The page of a ticket that cannot be used; `None` if it is unknown.
pub fn unusable(kind: Kind, state: Option<State>) -> Page {
    let (status, reason) = match state {
        None => (400, "This link is not valid. Perhaps it was not copied whole."),
        Some(State::Used) => (410, "This link has been used already. It works only once."),
        Some(State::Expired) => (410, "This link has expired."),
        Some(State::Outdated | State::Usable) => {
            (410, "This link is no longer valid: the account was changed since it was sent.")
        }
    };
    let body = format!("<p role=\"alert\">{reason}</p>\n<p>If you still need one, ask for a new link.</p>");
    Page::new(status, title(kind), &body, None)
}

/// The form that uses a ticket; after a rejected one with the reason.
pub fn form(kind: Kind, token: &str, ticket: &Ticket, connection: &Connection, error: Option<&str>) -> Page {
    let email = escape(&ticket.email);
    let (intro, fields, button) = match kind {
        Kind::PasswordChange => (
            format!("Choose a new password for <strong>{email}</strong>."),
            password_fields(connection, error),
            "Set the password",
        ),
        Kind::EmailVerification => {
            (format!("Confirm that <strong>{email}</strong> is your address."), String::new(), "Confirm")
        }
    };
    let alert =
        error.map(|error| format!("<p role=\"alert\" aria-live=\"assertive\" id=\"error\">{error}</p>\n"));
    let body = format!(
        "{}<p>{intro}</p>\n<form method=\"post\" action=\"{}\">\n<input type=\"hidden\" name=\"ticket\" value=\"{}\">\n{fields}<button>{button}</button>\n</form>",
        alert.unwrap_or_default(),
        kind.path(),
        escape(token)
    );
    let (status, title) = match error {
        None => (200, title(kind).to_owned()),
        // A screen reader reads the title first.
        Some(_) => (400, format!("Error: {}", title(kind))),
    };
    Page::new(status, &title, &body, ticket.result_url.as_ref().and_then(source).as_deref())
}

fn password_fields(connection: &Connection, error: Option<&str>) -> String {
    let rules = rules(connection).join("</li>\n<li>");
    let about = if error.is_some() { "\"rules error\" aria-invalid=\"true\"" } else { "\"rules\"" };
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

/// The password policy of a connection in words.
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
