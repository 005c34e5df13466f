//! What a user is, what a request may say about one, and what can be known without asking the database.

use std::borrow::Cow;

use md5::{Digest, Md5};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::base::error::{Error, Result, codes};
use crate::base::fields::Fields;
use crate::base::identifiers::{Identifier, is_phone};
use crate::base::ids::UserId;
use crate::base::json::{FromBody, Object};
use crate::base::metadata::{self, MetadataPatch};
use crate::base::patch::Patch;
use crate::base::schema::{Field, Format, Kind, Part, Schema, Text, refuse};
use crate::base::timestamp::timestamp;

pub(crate) const NAME: Kind = Kind::Text(Text::between(1, 300));
pub(crate) const PART_OF_NAME: Kind = Kind::Text(Text::between(1, 150));
pub(crate) const PHONE: Kind = Kind::Text(Text::ANY.pattern(r"^\+[0-9]{1,15}$", is_phone));
pub(crate) const EMAIL: Kind = Kind::Text(Text::format(Format::Email));
pub(crate) const PICTURE: Kind = Kind::Text(Text::format(Format::StrictUri));
pub(crate) const USERNAME: Kind = Kind::Text(Text::between(1, 128));

/// The body of `POST /api/v2/users`.
pub static CREATE: Schema = Schema::closed(&[
    Field::new(
        "connection",
        Kind::Text(Text::at_least(1)),
        "Name of the connection this user should be created in",
    )
    .required(),
    Field::new("email", EMAIL, "The user's email"),
    Field::new("username", USERNAME, "The user's username. Only valid if the connection requires a username"),
    Field::new(
        "password",
        Kind::Text(Text::at_least(1)),
        "Initial password for this user. Only valid for auth0 connection strategy",
    ),
    Field::new("phone_number", PHONE, "The user's phone number, following the E.164 recommendation"),
    Field::new("given_name", PART_OF_NAME, "The user's given name(s)"),
    Field::new("family_name", PART_OF_NAME, "The user's family name(s)"),
    Field::new("name", NAME, "The user's full name"),
    Field::new("nickname", NAME, "The user's nickname"),
    Field::new("picture", PICTURE, "A URI pointing to the user's picture"),
    Field::new(
        "user_id",
        Kind::Text(Text::between(0, 255).pattern(r"^\S*$", |text| !text.contains(char::is_whitespace))),
        "The external user's id provided by the identity provider",
    ),
    Field::new("blocked", Kind::Boolean, "Whether this user was blocked by an administrator"),
    Field::new("email_verified", Kind::Boolean, "Whether this email address is verified"),
    Field::new("phone_verified", Kind::Boolean, "Whether this phone number has been verified"),
    Field::new(
        "verify_email",
        Kind::Boolean,
        "Whether the user will receive a verification email after creation",
    ),
    Field::new(
        "user_metadata",
        Kind::AnyObject,
        "Data related to the user that does not affect the application's core functionality",
    ),
    Field::new(
        "app_metadata",
        Kind::AnyObject,
        "Data related to the user that does affect the application's core functionality",
    ),
]);

/// The body of `PATCH /api/v2/users/{id}`.
pub static UPDATE: Schema = Schema::closed(&[
    Field::new("connection", Kind::Text(Text::at_least(1)), "Name of the connection to target for this user update"),
    Field::new("client_id", Kind::Text(Text::at_least(1)), "Auth0 client ID. Only valid when updating email address"),
    Field::new("email", EMAIL, "Email address of this user").nullable(),
    Field::new("username", USERNAME, "The user's username").nullable(),
    Field::new("password", Kind::Text(Text::at_least(1)), "New password for this user").nullable(),
    Field::new("phone_number", PHONE, "The user's phone number, following the E.164 recommendation").nullable(),
    Field::new("given_name", PART_OF_NAME, "Given name/first name/forename of this user").nullable(),
    Field::new("family_name", PART_OF_NAME, "Family name/last name/surname of this user").nullable(),
    Field::new("name", NAME, "Name of this user").nullable(),
    Field::new("nickname", NAME, "Preferred nickname or alias of this user").nullable(),
    Field::new("picture", PICTURE, "URL to picture, photo, or avatar of this user").nullable(),
    Field::new("blocked", Kind::Boolean, "Whether this user was blocked by an administrator"),
    Field::new("email_verified", Kind::Boolean, "Whether this email address is verified"),
    Field::new("phone_verified", Kind::Boolean, "Whether this phone number has been verified"),
    Field::new("verify_email", Kind::Boolean, "Whether this user will receive a verification email after the change"),
    Field::new("verify_phone_number", Kind::Boolean, "Whether this user will receive a text after changing the phone number"),
    Field::new("user_metadata", Kind::AnyObject, "User metadata to which this user has read/write access").nullable(),
    Field::new("app_metadata", Kind::AnyObject, "User metadata to which this user has read-only access").nullable(),
])
.hint("consider storing them in app_metadata or user_metadata. See \"Users Metadata\" in https://auth0.com/docs/api/v2/changes for more details");

/// Root attributes that are kept as they are given and mean nothing beyond themselves.
const PLAIN: [&str; 8] = [
    "given_name",
    "family_name",
    "name",
    "nickname",
    "picture",
    "blocked",
    "email_verified",
    "phone_verified",
];

/// The attributes that an identity shows of what it was given, as its `profileData`.
pub const OF_PROFILE_DATA: [&str; 10] = [
    "email",
    "email_verified",
    "name",
    "given_name",
    "family_name",
    "username",
    "nickname",
    "picture",
    "phone_number",
    "phone_verified",
];

/// Those of them that a change can reach in a secondary identity.
const OF_IDENTITY: [&str; 5] = ["email", "email_verified", "username", "phone_number", "phone_verified"];

/// A user to be made.
#[derive(Debug)]
pub struct NewUser {
    /// The name of the connection it is made in.
    pub connection: String,
    /// The id of its identity, if the caller chose one.
    pub user_id: Option<String>,
    /// Its password, in the clear until it is hashed.
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
    /// Does a mail go out by which the address can be verified?
    pub verify_email: bool,
}

impl FromBody for NewUser {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        let mut faults = CREATE.faults(body);
        faults.extend(metadata::faults(body, "user_metadata"));
        faults.extend(metadata::faults(body, "app_metadata"));
        refuse(Part::Payload, &faults)?;
        let lower = |name| body.value::<String>(name).map(|text| text.to_lowercase());
        let (email, username, phone_number) =
            (lower("email"), lower("username"), body.value::<String>("phone_number"));
        let mut profile: Map<String, Value> =
            PLAIN.iter().filter_map(|name| Some(((*name).to_owned(), body.value::<Value>(name)?))).collect();
        complete(&mut profile, (&email, &username, &phone_number));
        let verified = profile.get("email_verified") == Some(&Value::Bool(true));
        Ok(Self {
            verify_email: email.is_some() && !verified && body.value("verify_email").unwrap_or(true),
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
    /// A user that a person makes of themselves: nothing is verified, and nothing is said of `app_metadata`.
    pub fn of_person(
        connection: String,
        password: String,
        (email, username, phone_number): (Option<String>, Option<String>, Option<String>),
        mut profile: Map<String, Value>,
        user_metadata: MetadataPatch,
    ) -> Self {
        complete(&mut profile, (&email, &username, &phone_number));
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

    /// What it is known by.
    pub fn identifier(&self, identifier: Identifier) -> Option<&str> {
        match identifier {
            Identifier::Email => self.email.as_deref(),
            Identifier::Username => self.username.as_deref(),
            Identifier::PhoneNumber => self.phone_number.as_deref(),
        }
    }
}

/// Puts the identifiers (e-mail address, username, phone number) among the attributes, not verified unless they say so.
fn complete(
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

/// A change of a user.
#[derive(Debug, Default)]
pub struct UserPatch {
    /// The connection of the identity to change; only needed to reach a secondary one.
    pub connection: Option<String>,
    /// In the clear until it is hashed; null takes it away.
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
    /// Does a mail go out by which the address, if it is not verified after the change, can be verified?
    pub verify_email: bool,
}

impl FromBody for UserPatch {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        let mut faults = UPDATE.faults(body);
        faults.extend(metadata::faults(body, "user_metadata"));
        faults.extend(metadata::faults(body, "app_metadata"));
        refuse(Part::Payload, &faults)?;
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
        for name in PLAIN {
            patch.attribute(name, body.field(name));
        }
        patch.attribute("email", patch.email.clone().map(Value::String));
        patch.attribute("username", patch.username.clone().map(Value::String));
        patch.attribute("phone_number", patch.phone_number.clone().map(Value::String));
        patch.check()?;
        Ok(patch)
    }
}

impl UserPatch {
    fn attribute(&mut self, name: &'static str, value: Patch<Value>) {
        match value {
            Patch::Absent => {}
            Patch::Null => self.unset.push(name),
            Patch::Set(value) => {
                self.set.insert(name.to_owned(), value);
            }
        }
    }

    /// Auth0 changes only one of password, username and e-mail (with its verified flag) at a time.
    fn check(&self) -> Result<()> {
        let password = !self.password.is_absent();
        let username = !self.username.is_absent();
        let others = [
            ("email", !self.email.is_absent()),
            ("email_verified", self.set.contains_key("email_verified")),
            ("password", password),
        ];
        let clash = |one: &str, other: &str| {
            Err(codes::NOT_SIMULTANEOUSLY.because(format!("Cannot update {one} and {other} simultaneously")))
        };
        for (name, there) in others {
            if there && username {
                return clash("username", name);
            }
            if there && password && name != "password" {
                return clash("password", name);
            }
        }
        Ok(())
    }

    /// Does it change what an identity is known by or proves itself with?
    pub fn touches_identity(&self) -> bool {
        !self.password.is_absent()
            || !self.email.is_absent()
            || !self.username.is_absent()
            || !self.phone_number.is_absent()
    }

    /// Takes out what a secondary identity has for itself, to set and to remove.
    ///
    /// # Errors
    /// 400 if there is anything that only the primary identity has.
    pub fn split_off_identity(&mut self) -> Result<(Map<String, Value>, Vec<&'static str>)> {
        let names = self.set.keys().map(String::as_str).chain(self.unset.iter().copied());
        let mut others: Vec<&str> =
            names.filter(|name| OF_PROFILE_DATA.contains(name) && !OF_IDENTITY.contains(name)).collect();
        if !others.is_empty() {
            others.sort_unstable();
            return Err(codes::SECONDARY_ATTRIBUTES.because(format!(
                "The following user attributes cannot be updated: {}. The specified connection belongs to a secondary identity.",
                others.join(", ")
            )));
        }
        let (set, user) =
            std::mem::take(&mut self.set).into_iter().partition(|(name, _)| OF_IDENTITY.contains(&&**name));
        self.set = user;
        let (unset, user) = self.unset.iter().partition(|name| OF_IDENTITY.contains(name));
        self.unset = user;
        Ok((set, unset))
    }

    /// Does it change nothing but `app_metadata`? That is what `update:users_app_metadata` allows.
    pub fn is_only_app_metadata(&self) -> bool {
        self.user_metadata.is_none() && self.has_no_attribute()
    }

    /// Does it change nothing but `user_metadata`? That is what `update:current_user_metadata` allows.
    pub fn is_only_user_metadata(&self) -> bool {
        self.app_metadata.is_none() && self.has_no_attribute()
    }

    fn has_no_attribute(&self) -> bool {
        self.set.is_empty() && self.unset.is_empty() && !self.touches_identity() && !self.verify_email
    }
}

/// A user as it is stored: documents as JSON text.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct User {
    /// `provider|id`.
    pub user_id: String,
    /// The root attributes that were given.
    pub profile: String,
    /// As answered; the primary identity first.
    pub identities: String,
    /// Absent until it is set once; then `{}` when it is emptied.
    pub user_metadata: Option<String>,
    /// Absent when it is empty.
    pub app_metadata: Option<String>,
    /// Counts the changes.
    pub version: i64,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was changed last.
    pub updated_at: OffsetDateTime,
}

impl User {
    /// The document as the API answers it, computed attributes included.
    pub fn document(&self, fields: &Fields) -> Result<String> {
        let profile: &RawValue = serde_json::from_str(&self.profile).map_err(Error::internal)?;
        let profile =
            Object::of(profile).ok_or_else(|| Error::internal("a profile that is not an object"))?;
        let documents = [
            Some(&self.profile),
            Some(&self.identities),
            self.user_metadata.as_ref(),
            self.app_metadata.as_ref(),
        ];
        let length = documents.iter().flatten().map(|text| text.len()).sum::<usize>();
        let mut out = Document { text: String::with_capacity(length + COMPUTED), fields };
        out.text.push('{');
        for (name, value) in profile.members() {
            out.put(name, value.get());
        }
        let text = |name| profile.value::<Cow<'_, str>>(name);
        let email = text("email");
        let known_as =
            email.clone().or_else(|| text("username")).or_else(|| text("phone_number")).unwrap_or_default();
        let name = text("name").unwrap_or_else(|| known_as.clone());
        for (attribute, default) in
            [("name", &*name), ("nickname", known_as.split('@').next().unwrap_or_default())]
        {
            if profile.get(attribute).is_none() {
                out.put_text(attribute, default);
            }
        }
        if profile.get("picture").is_none() && out.fields.wants("picture") {
            out.put_text("picture", &picture(&known_as, &name));
        }
        out.put_text("user_id", &self.user_id);
        out.put("identities", &self.identities);
        for (name, value) in [("user_metadata", &self.user_metadata), ("app_metadata", &self.app_metadata)] {
            if let Some(value) = value {
                out.put(name, value);
            }
        }
        out.put_text("created_at", &timestamp(self.created_at));
        out.put_text("updated_at", &timestamp(self.updated_at));
        out.text.push('}');
        Ok(out.text)
    }

    /// Did an administrator block this user?
    pub fn is_blocked(&self) -> bool {
        let profile = serde_json::from_str(&self.profile).ok().and_then(Object::of);
        profile.and_then(|profile| profile.value("blocked")).unwrap_or(false)
    }

    /// Its entity tag (RFC 9110, 8.8.3): strong, and never the same for two states, not even for a user that was
    /// deleted and made again.
    pub fn etag(&self) -> String {
        format!("\"{}-{}\"", self.version, self.created_at.unix_timestamp_nanos() / 1000)
    }
}

struct Document<'a> {
    text: String,
    fields: &'a Fields,
}

/// About as many bytes as a document has beyond what is stored as JSON: names, times, id, the computed attributes.
const COMPUTED: usize = 512;

impl Document<'_> {
    fn put_text(&mut self, name: &str, text: &str) {
        // A text always has its JSON.
        self.put(name, &serde_json::to_string(text).unwrap_or_default());
    }

    fn put(&mut self, name: &str, json: &str) {
        if self.fields.wants(name) {
            if self.text.len() > 1 {
                self.text.push(',');
            }
            self.text.push('"');
            self.text.push_str(name);
            self.text.push_str("\":");
            self.text.push_str(json);
        }
    }
}

/// The picture of a user who has none: Gravatar's for the address, with initials behind it.
fn picture(known_as: &str, name: &str) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    let hash: String = Md5::digest(known_as.to_lowercase().as_bytes())
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect();
    let mut words = name.split_whitespace();
    let initials: String = match (words.next(), words.next()) {
        (Some(first), Some(second)) => first.chars().take(1).chain(second.chars().take(1)).collect(),
        (Some(only), None) => only.chars().take(2).collect(),
        _ => String::new(),
    };
    let initials = initials.to_lowercase();
    let avatar =
        format!("https://cdn.auth0.com/avatars/{}.png", utf8_percent_encode(&initials, NON_ALPHANUMERIC));
    let encoded = percent_encoding::utf8_percent_encode(&avatar, URL_COMPONENT);
    format!("https://s.gravatar.com/avatar/{hash}?s=480&r=pg&d={encoded}")
}

/// What `encodeURIComponent` leaves alone.
const URL_COMPONENT: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// The one identity of a new user, as its user is answered.
pub fn identities(connection: &str, id: &UserId) -> Value {
    json!([{ "connection": connection, "user_id": id.identity(), "provider": id.provider(), "isSocial": false }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_follows_the_address_and_the_initials_the_name() {
        // md5 of jane@example.com, as in Gravatar's own documentation of the scheme.
        let hash = "9e26471d35a78862c17e467d87cddedf";
        assert_eq!(
            picture("Jane@example.com", "jane@example.com"),
            format!(
                "https://s.gravatar.com/avatar/{hash}?s=480&r=pg&d=https%3A%2F%2Fcdn.auth0.com%2Favatars%2Fja.png"
            )
        );
        assert!(picture("jane@example.com", "Ünal Doe").ends_with("avatars%2F%25C3%25BCd.png"));
    }
}
