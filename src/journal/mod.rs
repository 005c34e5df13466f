//! The journal: one row for every change, written by the statement that makes the change, so that neither exists without
//! the other. The table is append-only. No API endpoint reads it yet.
//!
//! A row has the tenant, the position (`transaction_id`, `entry_id`), the time, the kind (`user.updated`), the subject,
//! the author (subject and client of the token, or a command; the request's id, address and user agent), and `changes`:
//! the values `before` and `after` of each changed root attribute and of each changed root key of a metadata field:
//! `{"nickname": {"after": "jd"}, "user_metadata": {"hobby": {"before": "surfing"}}}`. Passwords and secrets are masked
//! as `*****`. Logins (`user.logged_in`, `user.login_failed`) have the `connection` and the `reason` of a rejection
//! there instead.
//!
//! A statement writes its entry in a CTE, from its parameter `author`, a `journal_author`:
//!
//! ```sql
//! insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
//! select tenant_id, 'user.deleted', user_id, changes, ($4::journal_author).*
//! ```

/// The author of a change, and the request.
#[derive(Clone, Debug, Default)]
pub struct Author {
    /// The subject of the token, or a command: `command:tenant apply`.
    pub actor: String,
    /// The client of the token.
    pub client_id: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// The IP address of the caller.
    pub ip: Option<String>,
    /// The `User-Agent` of the caller.
    pub user_agent: Option<String>,
}

impl Author {
    /// A command run by an operator, such as `roster tenant apply`.
    pub fn command(name: &str) -> Self {
        Self { actor: format!("command:{name}"), ..Self::default() }
    }

    /// The author as the text of a `journal_author`: the parameter `author` of a statement.
    pub(crate) fn literal(&self) -> String {
        let fields = [
            Some(&self.actor),
            self.client_id.as_ref(),
            self.request_id.as_ref(),
            self.ip.as_ref(),
            self.user_agent.as_ref(),
        ];
        let quoted = |text: &String| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\"\""));
        format!("({})", fields.map(|field| field.map(quoted).unwrap_or_default()).join(","))
    }
}
