//! Bodies of requests about roles and their members, and the checkpoint of a list of members.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

use crate::base::error::{Error, Result};
use crate::base::json::{FromBody, Object};
use crate::base::schema::{Field, Format, Kind, Part, Schema, Text, Violation, reject};

// Auth0's schema limits neither. A name has to fit into an index.
const NAME: Kind = Kind::Text(Text::between(1, 300));
const DESCRIPTION: Kind = Kind::Text(Text::ANY);

static CREATE: Schema = Schema::closed(&[
    Field::new("name", NAME, "Name of the role").required(),
    Field::new("description", DESCRIPTION, "Description of the role"),
    Field::new("type", Kind::OneOf(&["tenant", "organization"]), "The type of the role"),
    Field::new("owner_id", Kind::Text(Text::at_least(1)), "The ID of the organization that owns this role"),
]);

static UPDATE: Schema = Schema::closed(&[
    Field::new("name", NAME, "Name of this role"),
    Field::new("description", DESCRIPTION, "Description of this role"),
]);

static MEMBERS: Schema = Schema::closed(&[Field::new(
    "users",
    Kind::Array(0, &Kind::Text(Text::format(Format::UserId))),
    "user_id's of the users to assign the role to",
)
.required()]);

static ROLES: Schema = Schema::closed(&[Field::new(
    "roles",
    Kind::Array(1, &Kind::Text(Text::at_least(1))),
    "List of roles IDs to associate with the user",
)
.required()]);

/// The body of `POST /api/v2/roles`.
#[derive(Debug)]
pub struct NewRole {
    /// Unique in the tenant.
    pub name: String,
    pub description: Option<String>,
    /// The id of the organization that owns it; `None` for a role of the whole tenant.
    pub owner_id: Option<String>,
}

impl FromBody for NewRole {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        let mut violations = CREATE.violations(body);
        let (kind, owner_id) = (body.value::<String>("type"), body.value::<String>("owner_id"));
        match (kind.as_deref(), &owner_id) {
            (Some("organization"), None) => {
                violations.insert(0, Violation::of_root("Missing required property: owner_id"));
            }
            (None | Some("tenant"), Some(_)) => {
                violations.push(Violation::of_root("Only a role of type organization has an owner_id"));
            }
            _ => {}
        }
        reject(Part::Payload, &violations)?;
        let name = body.value("name").unwrap_or_default();
        Ok(Self { name, description: body.value("description"), owner_id })
    }
}

/// The body of `PATCH /api/v2/roles/{id}`: the attributes to change.
#[derive(Debug)]
pub struct RolePatch {
    pub name: Option<String>,
    pub description: Option<String>,
}

impl FromBody for RolePatch {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        UPDATE.check(body)?;
        Ok(Self { name: body.value("name"), description: body.value("description") })
    }
}

/// The body of `POST /api/v2/roles/{id}/users`: ids of users.
#[derive(Debug)]
pub struct Members(pub Vec<String>);

impl FromBody for Members {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        MEMBERS.check(body)?;
        Ok(Self(body.value("users").unwrap_or_default()))
    }
}

/// The body of `POST` and `DELETE /api/v2/users/{id}/roles`: ids of roles.
#[derive(Debug)]
pub struct RoleIds(pub Vec<String>);

impl FromBody for RoleIds {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        ROLES.check(body)?;
        Ok(Self(body.value("roles").unwrap_or_default()))
    }
}

/// A position in the list of a role's members: after the member of this assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub assigned_at: OffsetDateTime,
    pub user_id: String,
}

const ASSIGNED_AT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:6]UTC");

impl Checkpoint {
    /// Before all members.
    pub fn start() -> Self {
        Self { assigned_at: OffsetDateTime::UNIX_EPOCH, user_id: String::new() }
    }

    /// Reads the parameter `from`; 400 if it is not of the form of a `next`.
    pub fn read(from: &str) -> Result<Self> {
        let read = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(from.trim_end_matches('=')).ok()?).ok()?;
            let (assigned_at, user_id) = text.split_once(',').filter(|_| !text.contains('\0'))?;
            let assigned_at = PrimitiveDateTime::parse(assigned_at, ASSIGNED_AT).ok()?.assume_utc();
            Some(Self { assigned_at, user_id: user_id.to_owned() })
        };
        let violation =
            || Violation::of("from", "Optional Id from which to start selection", "Not a valid checkpoint");
        read().map_or_else(|| reject(Part::Query, &[violation()]).map(|()| Self::start()), Ok)
    }

    /// The `next` of an answer: base64 of the time and the user, the form of a recorded one.
    pub fn write(&self) -> Result<String> {
        let at = self.assigned_at.to_offset(UtcOffset::UTC).format(ASSIGNED_AT).map_err(Error::internal)?;
        Ok(URL_SAFE_NO_PAD.encode(format!("{at},{}", self.user_id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoint_is_read_and_written_as_recorded() {
        let recorded = "MjAyMy0wMy0xNCAxMzo0MToyOC45NjEwMDBVVEMsYXV0aDB8NjQxMDc5ODhkMzUzNGJlOGIyZGMzODNj";
        let checkpoint = Checkpoint::read(recorded).unwrap();
        assert_eq!(checkpoint.user_id, "auth0|64107988d3534be8b2dc383c");
        assert_eq!(checkpoint.assigned_at.microsecond(), 961_000);
        assert_eq!(checkpoint.write().unwrap(), recorded);
        for bad in ["x", "bm8gY29tbWE", "eCwx"] {
            assert_eq!(Checkpoint::read(bad).unwrap_err().kind.status, 400, "{bad}");
        }
    }
}
