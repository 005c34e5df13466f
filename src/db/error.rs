//! The kind of a failed statement.

use crate::base::error::{Error, ErrorKind, codes};

const DEADLOCK: &str = "40P01";
const LOCK_TIMEOUT: &str = "55P03";
const STATEMENT_TIMEOUT: &str = "57014";

pub(super) fn unavailable(error: sqlx::Error) -> Error {
    Error { cause: Some(error.to_string()), ..Error::from(codes::UNAVAILABLE) }
}

/// Did the statement not start, or did the connection break under it?
pub(crate) fn is_disconnect(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::Tls(_)
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Protocol(_) => true,
        // 57P01..57P03: shut down, crashed, starting up. 53300: too many connections. 08: connection exceptions.
        sqlx::Error::Database(e) => {
            e.code().is_some_and(|c| c.starts_with("57P0") || c == "53300" || c.starts_with("08"))
        }
        _ => false,
    }
}

/// Was the statement, which changed nothing, ended to resolve a deadlock?
pub(crate) fn is_deadlock(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|e| e.code().as_deref() == Some(DEADLOCK))
}

/// The error response for a failed statement. `conflicts` has the kind of a violated constraint, by its name.
pub(crate) fn constraint_error(error: sqlx::Error, conflicts: &[(&str, ErrorKind)]) -> Error {
    if is_disconnect(&error) {
        return unavailable(error);
    }
    if let Some(database) = error.as_database_error() {
        let conflict = conflicts.iter().find(|(constraint, _)| Some(*constraint) == database.constraint());
        if let Some((_, kind)) = conflict {
            return (*kind).into();
        }
        if database.is_check_violation() && database.constraint().is_some_and(|name| name.ends_with("_size"))
        {
            return codes::DOCUMENT_TOO_LARGE.into();
        }
        let reason = match database.code().as_deref() {
            Some(STATEMENT_TIMEOUT) => Some("The query exceeded the timeout."),
            Some(DEADLOCK | LOCK_TIMEOUT) => Some("Other changes got in the way. Please try again."),
            // 53100: disk full. 53200: out of memory.
            Some(code) if code.starts_with("53") => {
                Some("The database is out of resources. Please try again later.")
            }
            _ => None,
        };
        if let Some(reason) = reason {
            return Error { cause: Some(error.to_string()), ..codes::UNAVAILABLE.with_message(reason) };
        }
    }
    Error::internal(error)
}

/// Without constraints that can be violated.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        constraint_error(error, &[])
    }
}
