//! What a user is, what a request may say about one, and the rules that need no database.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::attributes::{self, ProfileData, Request};
use crate::base::error::{Result, codes};
use crate::base::identifiers::Identifier;
use crate::base::ids::UserId;
use crate::base::json::{FromBody, Object};
use crate::base::metadata::{self, MetadataPatch};
use crate::base::patch::Patch;
use crate::base::schema::{Field, Kind, Part, Schema, Text, reject};
use crate::db::FromRow;
use crate::journal::Author;
use crate::resources::tickets::model::Issue;

const PASSWORD: Kind = Kind::Text(Text::at_least(1));

/// The body of `POST /api/v2/users`.
pub static CREATE: Schema = Schema::closed(&CREATE_FIELDS);
static CREATE_FIELDS: [Field; 3 + attributes::count(Request::Create)] = attributes::fields(
    Request::Create,
    &[
        Field::new(
            "connection",
            Kind::Text(Text::at_least(1)),
            "Name of the connection this user should be created in",
        )
        .required(),
        Field::new(
            "password",
            PASSWORD,
            "Initial password for this user. Only valid for auth0 connection strategy",
        ),
        Field::new(
            "verify_email",
            Kind::Boolean,
            "Whether the user will receive a verification email after creation",
        ),
    ],
);

/// The body of `PATCH /api/v2/users/{id}`.
pub static UPDATE: Schema = Schema::closed(&UPDATE_FIELDS).hint(
    "consider storing them in app_metadata or user_metadata. See \"Users Metadata\" in https://auth0.com/docs/api/v2/changes for more details",
);
static UPDATE_FIELDS: [Field; 5 + attributes::count(Request::Update)] = attributes::fields(
    Request::Update,
    &[
        Field::new(
            "connection",
            Kind::Text(Text::at_least(1)),
            "Name of the connection to target for this user update",
        ),
        Field::new(
            "client_id",
            Kind::Text(Text::at_least(1)),
            "Auth0 client ID. Only valid when updating email address",
        ),
        Field::new("password", PASSWORD, "New password for this user").nullable(),
        Field::new(
            "verify_email",
            Kind::Boolean,
            "Whether this user will receive a verification email after the change",
        ),
        Field::new(
            "verify_phone_number",
            Kind::Boolean,
            "Whether this user will receive a text after changing the phone number",
        ),
    ],
);

/// The body of a request to create a user.
#[derive(Debug)]
pub struct NewUser {
    /// The name of its connection.
    pub connection: String,
    /// The id of its identity, if the caller chose one.
    pub user_id: Option<String>,
    /// In the clear until it is hashed.
    pub password: Option<String>,
    /// Lower case.
    pub email: Option<String>,
    /// Lower case.
    pub username: Option<String>,
    /// E.164.
    pub phone_number: Option<String>,
    /// All root attributes that were given, the three above among them.
    pub profile: Map<String, Value>,
    /// JSON text.
    pub user_metadata: MetadataPatch,
    /// JSON text.
    pub app_metadata: MetadataPatch,
    /// Whether a mail is sent by which the address can be verified.
    pub verify_email: bool,
}

impl FromBody for NewUser {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        check(&CREATE, body)?;
        let lower = |name| body.value::<String>(name).map(|text| text.to_lowercase());
        let (email, username, phone_number) =
            (lower("email"), lower("username"), body.value::<String>("phone_number"));
        let mut profile: Map<String, Value> = attributes::given(Request::Create)
            .filter_map(|name| Some((name.to_owned(), body.value::<Value>(name)?)))
            .collect();
        put_identifiers(&mut profile, (&email, &username, &phone_number));
        let is_verified = profile.get("email_verified") == Some(&Value::Bool(true));
        Ok(Self {
            verify_email: email.is_some() && !is_verified && body.value("verify_email").unwrap_or(true),
            connection: body.value("connection").unwrap_or_default(),
            user_id: body.value("user_id").filter(|id: &String| !id.is_empty()),
            password: body.value("password"),
            email,
            username,
            phone_number,
            profile,
            user_metadata: metadata::patch(body, "user_metadata"),
            app_metadata: metadata::patch(body, "app_metadata"),
        })
    }
}

impl NewUser {
    /// A user from a signup: nothing is verified, and `app_metadata` is not set.
    pub fn of_person(
        connection: String,
        password: String,
        (email, username, phone_number): (Option<String>, Option<String>, Option<String>),
        mut profile: Map<String, Value>,
        user_metadata: MetadataPatch,
    ) -> Self {
        put_identifiers(&mut profile, (&email, &username, &phone_number));
        Self {
            verify_email: email.is_some(),
            connection,
            user_id: None,
            password: Some(password),
            email,
            username,
            phone_number,
            profile,
            user_metadata,
            app_metadata: None,
        }
    }

    /// The value of an identifier, if it was given.
    pub fn identifier(&self, identifier: Identifier) -> Option<&str> {
        match identifier {
            Identifier::Email => self.email.as_deref(),
            Identifier::Username => self.username.as_deref(),
            Identifier::PhoneNumber => self.phone_number.as_deref(),
        }
    }
}

/// Checks a body against its schema and the rules of metadata; reports all violations at once.
fn check(schema: &Schema, body: &Object<'_>) -> Result<()> {
    let mut violations = schema.violations(body);
    violations.extend(metadata::violations(body, "user_metadata"));
    violations.extend(metadata::violations(body, "app_metadata"));
    reject(Part::Payload, &violations)
}

/// Adds the identifiers (e-mail address, username, phone number) to a profile, not verified unless it says
/// so.
fn put_identifiers(
    profile: &mut Map<String, Value>,
    (email, username, phone_number): (&Option<String>, &Option<String>, &Option<String>),
) {
    profile.entry("email_verified").or_insert(Value::Bool(false));
    let identifiers = [("email", email), ("username", username), ("phone_number", phone_number)];
    profile.extend(
        identifiers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?)))),
    );
    if phone_number.is_some() {
        profile.entry("phone_verified").or_insert(Value::Bool(false));
    }
}

/// The body of a request to change a user.
#[derive(Debug, Default)]
pub struct UserPatch {
    /// The connection of the identity to change; only needed to address a secondary one.
    pub connection: Option<String>,
    /// In the clear until it is hashed; null removes it.
    pub password: Patch<String>,
    /// Lower case.
    pub email: Patch<String>,
    /// Lower case.
    pub username: Patch<String>,
    /// E.164.
    pub phone_number: Patch<String>,
    /// Root attributes to set, the three above among them.
    pub set: Map<String, Value>,
    /// Root attributes to remove.
    pub unset: Vec<&'static str>,
    /// JSON text to merge.
    pub user_metadata: MetadataPatch,
    /// JSON text to merge.
    pub app_metadata: MetadataPatch,
    /// Whether a mail is sent by which the address can be verified, unless it is verified after the change.
    pub verify_email: bool,
}

impl FromBody for UserPatch {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        check(&UPDATE, body)?;
        let lower = |name| body.field::<String>(name).map(|text| text.to_lowercase());
        let mut patch = Self {
            connection: body.value("connection"),
            password: body.field("password"),
            email: lower("email"),
            username: lower("username"),
            phone_number: body.field("phone_number"),
            user_metadata: metadata::patch(body, "user_metadata"),
            app_metadata: metadata::patch(body, "app_metadata"),
            verify_email: body.value("verify_email").unwrap_or(false),
            ..Self::default()
        };
        for name in attributes::given(Request::Update) {
            patch.put_attribute(name, body.field(name));
        }
        patch.put_attribute("email", patch.email.clone().map(Value::String));
        patch.put_attribute("username", patch.username.clone().map(Value::String));
        patch.put_attribute("phone_number", patch.phone_number.clone().map(Value::String));
        patch.check_combination()?;
        Ok(patch)
    }
}

impl UserPatch {
    fn put_attribute(&mut self, name: &'static str, value: Patch<Value>) {
        match value {
            Patch::Absent => {}
            Patch::Null => self.unset.push(name),
            Patch::Set(value) => {
                self.set.insert(name.to_owned(), value);
            }
        }
    }

    /// Auth0 changes only one of password, username and e-mail address (with its verified flag) at a time.
    fn check_combination(&self) -> Result<()> {
        let has_password = !self.password.is_absent();
        let has_username = !self.username.is_absent();
        let others = [
            ("email", !self.email.is_absent()),
            ("email_verified", self.set.contains_key("email_verified")),
            ("password", has_password),
        ];
        let clash = |one: &str, other: &str| {
            Err(codes::NOT_SIMULTANEOUSLY
                .with_message(format!("Cannot update {one} and {other} simultaneously")))
        };
        for (name, is_present) in others {
            if is_present && has_username {
                return clash("username", name);
            }
            if is_present && has_password && name != "password" {
                return clash("password", name);
            }
        }
        Ok(())
    }

    /// Whether it changes a password or an identifier.
    pub fn changes_identity(&self) -> bool {
        !self.password.is_absent()
            || !self.email.is_absent()
            || !self.username.is_absent()
            || !self.phone_number.is_absent()
    }

    /// Whether it is carried out on an identity: it changes one, names its connection or sends a mail to its
    /// address.
    pub fn addresses_identity(&self) -> bool {
        self.changes_identity() || self.connection.is_some() || self.verify_email
    }

    /// Takes out the attributes of a secondary identity; the rest changes the user.
    ///
    /// # Errors
    /// 400 if the patch has an attribute that only a primary identity has.
    pub fn split_off_identity(&mut self) -> Result<ProfileDataChange> {
        let names = self.set.keys().map(String::as_str).chain(self.unset.iter().copied());
        let is_of_primary = |name: &&str| attributes::profile_data_of(name) == ProfileData::Shown;
        let mut of_primary: Vec<&str> = names.filter(is_of_primary).collect();
        if !of_primary.is_empty() {
            of_primary.sort_unstable();
            return Err(codes::SECONDARY_ATTRIBUTES.with_message(format!(
                "The following user attributes cannot be updated: {}. The specified connection belongs to a secondary identity.",
                of_primary.join(", ")
            )));
        }
        let is_of_identity = |name: &str| attributes::profile_data_of(name) == ProfileData::Changeable;
        let (set, of_user) =
            std::mem::take(&mut self.set).into_iter().partition(|(name, _)| is_of_identity(name));
        self.set = of_user;
        let (unset, of_user) = self.unset.iter().partition(|name| is_of_identity(name));
        self.unset = of_user;
        Ok(ProfileDataChange { set, unset })
    }

    /// Whether it changes `app_metadata` alone, which is what `update:users_app_metadata` allows.
    pub fn is_only_app_metadata(&self) -> bool {
        self.user_metadata.is_none() && self.has_no_attribute()
    }

    /// Whether it changes `user_metadata` alone, which is what `update:current_user_metadata` allows.
    pub fn is_only_user_metadata(&self) -> bool {
        self.app_metadata.is_none() && self.has_no_attribute()
    }

    fn has_no_attribute(&self) -> bool {
        self.set.is_empty() && self.unset.is_empty() && !self.changes_identity() && !self.verify_email
    }
}

/// A user as it is stored: documents as JSON text.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct User {
    /// `provider|id`.
    pub user_id: String,
    /// The root attributes that were given.
    pub profile: String,
    /// As answered; the primary identity first.
    pub identities: String,
    /// Absent until it is set once; `{}` after it was emptied.
    pub user_metadata: Option<String>,
    /// Absent when it is empty.
    pub app_metadata: Option<String>,
    /// The number of changes, creation among them.
    pub version: i64,
    /// The time of creation.
    pub created_at: OffsetDateTime,
    /// The time of the last change.
    pub updated_at: OffsetDateTime,
}

impl User {
    /// The entity tag (RFC 9110, 8.8.3): strong, and never the same for two states, not even for a user that
    /// was deleted and created again.
    pub fn etag(&self) -> String {
        format!("\"{}-{}\"", self.version, self.created_at.unix_timestamp_nanos() / 1000)
    }
}

/// A user to be stored.
pub(crate) struct Creation {
    pub tenant_id: String,
    pub connection_id: String,
    pub id: UserId,
    pub new: NewUser,
    pub password_hash: Option<String>,
    /// The mail that verifies the address.
    pub mail: Option<Issue>,
    pub created_at: OffsetDateTime,
    pub author: Author,
    /// The limit of each metadata field.
    pub max_metadata_bytes: i64,
}

/// The outcome of a creation.
#[derive(Debug)]
pub(crate) enum Created {
    Done(Box<User>),
    /// The connection is gone, even if another one has its name.
    NoSuchConnection,
    /// The metadata field that is too large.
    Oversized(String),
}

/// A change of a user's attributes and metadata, as it is bound.
#[derive(Debug)]
pub(crate) struct Change {
    pub tenant_id: String,
    pub user_id: String,
    pub set: Map<String, Value>,
    pub unset: Vec<&'static str>,
    pub user_metadata: MetadataPatch,
    pub app_metadata: MetadataPatch,
    /// Entity tags of which one has to be the current one.
    pub if_match: Option<Vec<String>>,
    /// The time of issue of the user's own token, if the change is made by it.
    pub issued_at: Option<OffsetDateTime>,
    pub author: Author,
    /// The limit of each metadata field after the merge.
    pub max_metadata_bytes: i64,
}

/// A change of one of a user's identities.
#[derive(Debug)]
pub(crate) struct IdentityChange {
    pub provider: String,
    pub identity_id: String,
    pub password_hash: Option<String>,
    pub remove_password: bool,
    /// Identifying attributes of the connection, if the change removes one: the identity has to keep one of them.
    pub identifiers: Option<Vec<&'static str>>,
    /// Of a secondary identity; a primary one has the user's own attributes.
    pub profile_data: Option<ProfileDataChange>,
}

impl IdentityChange {
    /// Whether it changes a secondary identity.
    pub(crate) fn is_of_secondary(&self) -> bool {
        self.profile_data.is_some()
    }
}

/// A change of the `profileData` of a secondary identity.
#[derive(Debug)]
pub struct ProfileDataChange {
    /// Attributes to set.
    pub set: Map<String, Value>,
    /// Attributes to remove.
    pub unset: Vec<&'static str>,
}

/// The outcome of a change.
#[derive(Debug)]
pub(crate) enum Updated {
    Done(Box<User>),
    /// Or the user's own token is not valid.
    NoSuchUser,
    /// The precondition does not hold; the current entity tag.
    Mismatch(String),
    /// The metadata field that would be too large.
    Oversized(String),
    /// The identity would have no identifier left.
    NoIdentifier,
}
