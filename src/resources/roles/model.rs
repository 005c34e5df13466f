//! What a request may say about roles and their members, and where a list of members goes on.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

use crate::base::error::{Error, Result};
use crate::base::json::Object;
use crate::base::schema::{Fault, Field, Format, Kind, Part, Schema, Text, refuse};

/// Both are texts of any length in Auth0's schema; a name has to fit into an index.
const NAME: Kind = Kind::Text(Text::between(1, 300));
const DESCRIPTION: Kind = Kind::Text(Text::ANY);

/// The body of `POST /api/v2/roles`.
pub static CREATE: Schema = Schema::closed(&[
    Field::new("name", NAME, "Name of the role").required(),
    Field::new("description", DESCRIPTION, "Description of the role"),
]);

/// The body of `PATCH /api/v2/roles/{id}`.
pub static UPDATE: Schema = Schema::closed(&[
    Field::new("name", NAME, "Name of this role"),
    Field::new("description", DESCRIPTION, "Description of this role"),
]);

/// The body of `POST /api/v2/roles/{id}/users`.
pub static MEMBERS: Schema = Schema::closed(&[Field::new(
    "users",
    Kind::Array(0, &Kind::Text(Text::format(Format::UserId))),
    "user_id's of the users to assign the role to",
)
.required()]);

/// The body of `POST` and `DELETE /api/v2/users/{id}/roles`.
pub static ROLES: Schema = Schema::closed(&[Field::new(
    "roles",
    Kind::Array(1, &Kind::Text(Text::at_least(1))),
    "List of roles IDs to associate with the user",
)
.required()]);

/// What a role is to be, or is to become.
#[derive(Debug)]
pub struct RoleFields {
    /// Unique in the tenant.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

impl RoleFields {
    /// Reads a body.
    pub fn read(schema: &Schema, body: &Object<'_>) -> Result<Self> {
        schema.check(body)?;
        Ok(Self { name: body.value("name"), description: body.value("description") })
    }
}

/// A place in the list of a role's members: behind the member who was assigned then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// When the role was assigned.
    pub assigned_at: OffsetDateTime,
    /// To whom.
    pub user_id: String,
}

const ASSIGNED_AT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:6]UTC");

impl Checkpoint {
    /// Before all members.
    pub fn start() -> Self {
        Self { assigned_at: OffsetDateTime::UNIX_EPOCH, user_id: String::new() }
    }

    /// Reads a `from`; 400 if it is not a `next` that was answered once.
    pub fn read(from: &str) -> Result<Self> {
        let read = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(from.trim_end_matches('=')).ok()?).ok()?;
            let (assigned_at, user_id) = text.split_once(',').filter(|_| !text.contains('\0'))?;
            let assigned_at = PrimitiveDateTime::parse(assigned_at, ASSIGNED_AT).ok()?.assume_utc();
            Some(Self { assigned_at, user_id: user_id.to_owned() })
        };
        let fault =
            || Fault::of("from", "Optional Id from which to start selection", "Not a valid checkpoint");
        read().map_or_else(|| refuse(Part::Query, &[fault()]).map(|()| Self::start()), Ok)
    }

    /// As it is answered: base64 of the time and the user.
    pub fn write(&self) -> Result<String> {
        let at = self.assigned_at.to_offset(UtcOffset::UTC).format(ASSIGNED_AT).map_err(Error::internal)?;
        Ok(URL_SAFE_NO_PAD.encode(format!("{at},{}", self.user_id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_survives_the_trip() {
        let recorded = "MjAyMy0wMy0xNCAxMzo0MToyOC45NjEwMDBVVEMsYXV0aDB8NjQxMDc5ODhkMzUzNGJlOGIyZGMzODNj";
        let checkpoint = Checkpoint::read(recorded).unwrap();
        assert_eq!(checkpoint.user_id, "auth0|64107988d3534be8b2dc383c");
        assert_eq!(checkpoint.assigned_at.microsecond(), 961_000);
        assert_eq!(checkpoint.write().unwrap(), recorded);
        for bad in ["x", "bm8gY29tbWE", "eCwx"] {
            assert_eq!(Checkpoint::read(bad).unwrap_err().meaning.status, 400, "{bad}");
        }
    }
}
