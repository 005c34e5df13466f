//! The journal: one row for every change, written by the statement that makes it, so that there is never one without
//! the other. The table is append-only; nothing reads it through the API yet.
//!
//! A row tells the tenant, the position (`transaction_id`, `entry_id`), the time, the kind (`user.updated`), the
//! subject, who did it (the token's subject and client, or a command), with which request, and `changes`: for each
//! changed root attribute and each changed root key of a metadata field the value `before` and `after`:
//! `{"nickname": {"after": "jd"}, "user_metadata": {"hobby": {"before": "surfing"}}}`. Passwords and secrets are
//! never in it; that one was changed shows as `*****`. Logins (`user.logged_in`, `user.login_failed`) have the
//! `connection` and the `reason` of a refusal there instead.
//!
//! A statement writes its entry by a CTE of two lines, in which `author` is a `journal_author`:
//!
//! ```sql
//! insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
//! select tenant_id, 'user.deleted', user_id, changes, ($4::journal_author).*
//! ```

/// Who makes a change, and by which request.
#[derive(Clone, Debug, Default)]
pub struct Author {
    /// The subject of the token, or the command that was run.
    pub actor: String,
    /// The client the token was issued to.
    pub client_id: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// The caller's address.
    pub ip: Option<String>,
    /// The caller's `User-Agent`.
    pub user_agent: Option<String>,
}

impl Author {
    /// A command run by an operator, such as `roster tenant apply`.
    pub fn command(name: &str) -> Self {
        Self { actor: format!("command:{name}"), ..Self::default() }
    }

    /// The author as the text of a `journal_author`, which is what a statement is given.
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
