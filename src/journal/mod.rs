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
//! A statement takes part by a data-modifying CTE made of two pieces: [`insert_journal`] and [`author`].

use uuid::Uuid;

use crate::db::array_literal;

/// The columns a change fills, in the order `select tenant, kind, subject, changes, author` gives them.
macro_rules! insert_journal {
    () => {
        "insert into journal (tenant_id, kind, subject, changes, entry_id, actor, client_id, request_id, ip, user_agent)"
    };
}
pub(crate) use insert_journal;

/// The author's columns out of a `text[]` expression made by [`Author`].
macro_rules! author {
    ($array:literal) => {
        concat!(
            "(",
            $array,
            ")[1]::uuid, (",
            $array,
            ")[2], (",
            $array,
            ")[3], (",
            $array,
            ")[4], (",
            $array,
            ")[5], (",
            $array,
            ")[6]"
        )
    };
}
pub(crate) use author;

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

    /// A new entry by this author, as the elements of the `text[]` that [`author`] takes apart.
    pub(crate) fn entry(&self) -> Vec<Option<String>> {
        let entry_id = Uuid::now_v7().to_string();
        vec![
            Some(entry_id),
            Some(self.actor.clone()),
            self.client_id.clone(),
            self.request_id.clone(),
            self.ip.clone(),
            self.user_agent.clone(),
        ]
    }

    /// The same as an array literal, for a statement over arrays: Postgres has no arrays of arrays of unequal length.
    pub(crate) fn entry_literal(&self) -> String {
        array_literal(self.entry().iter().map(Option::as_deref))
    }
}
