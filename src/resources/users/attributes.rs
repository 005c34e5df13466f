//! The table of a user's root attributes. What requests may say of an attribute, where it is stored, what
//! sorts and searches by it and which claim shows it follow from its row.

use crate::base::identifiers::is_phone;
use crate::base::schema::{Field, Format, Kind, Text};
use crate::search::fields::Field as SearchField;
use crate::search::fields::Kind::{Boolean, Date, DateText, FoldedText, Number, Presence, Text as PlainText};

const EMAIL: Kind = Kind::Text(Text::format(Format::Email));
const USERNAME: Kind = Kind::Text(Text::between(1, 128));
const PHONE: Kind = Kind::Text(Text::ANY.pattern(r"^\+[0-9]{1,15}$", is_phone));
const NAME: Kind = Kind::Text(Text::between(1, 300));
const PART_OF_NAME: Kind = Kind::Text(Text::between(1, 150));
const PICTURE: Kind = Kind::Text(Text::format(Format::StrictUri));
const USER_ID: Kind =
    Kind::Text(Text::between(0, 255).pattern(r"^\S*$", |text| !text.contains(char::is_whitespace)));
const ANY_TEXT: Kind = Kind::Text(Text::ANY);

/// The identities of a user `u`, a row each.
const IDENTITIES: &str = "jsonb_array_elements(u.identities) i(identity)";

/// All root attributes of a user's document. The order is that of the names in the message about an unknown
/// `sort`.
pub static ATTRIBUTES: [Attribute; 21] = [
    Attribute::new("created_at", ANY_TEXT).sort(Sort::Creation).search(&[SearchField::new(
        &["created_at"],
        Date,
        "u.created_at",
    )]),
    Attribute::new("user_id", USER_ID)
        .create("The external user's id provided by the identity provider")
        .sort(Sort::Id)
        .search(&[SearchField::new(&["user_id"], PlainText, "u.user_id")]),
    Attribute::new("updated_at", ANY_TEXT)
        .sort(Sort::Update)
        .search(&[SearchField::new(&["updated_at"], Date, "u.updated_at")])
        .claim("profile", "updated_at"),
    Attribute::new("email", EMAIL)
        .source(Source::Identifier)
        .create("The user's email")
        .update("Email address of this user")
        .nullable()
        .signup("The user's email")
        .profile_data(ProfileData::Changeable)
        .sort(Sort::Text)
        .search(&[
            SearchField::new(&["email"], FoldedText, "u.profile ->> 'email'").terms(&["email"]),
            SearchField::new(
                &["email", "domain"],
                PlainText,
                "substring(u.profile ->> 'email' from '[^@]*$')",
            ),
        ])
        .claim("email", "email"),
    Attribute::new("username", USERNAME)
        .source(Source::Identifier)
        .create("The user's username. Only valid if the connection requires a username")
        .update("The user's username")
        .nullable()
        .signup("The user's username")
        .profile_data(ProfileData::Changeable)
        .sort(Sort::Text)
        .search(&[
            SearchField::new(&["username"], PlainText, "u.profile ->> 'username'").terms(&["username"])
        ]),
    Attribute::new("phone_number", PHONE)
        .source(Source::Identifier)
        .create("The user's phone number, following the E.164 recommendation")
        .update("The user's phone number, following the E.164 recommendation")
        .nullable()
        .signup("The user's phone number, following the E.164 recommendation")
        .profile_data(ProfileData::Changeable)
        .sort(Sort::Text)
        .search(&[SearchField::new(&["phone_number"], PlainText, "u.profile ->> 'phone_number'")
            .terms(&["phone_number"])])
        .claim("phone", "phone_number"),
    Attribute::new("given_name", PART_OF_NAME)
        .source(Source::Given)
        .create("The user's given name(s)")
        .update("Given name/first name/forename of this user")
        .nullable()
        .signup("The user's given name(s)")
        .profile_data(ProfileData::Shown)
        .sort(Sort::Text)
        .search(&[SearchField::new(&["given_name"], FoldedText, "u.profile ->> 'given_name'")
            .terms(&["given_name"])])
        .claim("profile", "given_name"),
    Attribute::new("family_name", PART_OF_NAME)
        .source(Source::Given)
        .create("The user's family name(s)")
        .update("Family name/last name/surname of this user")
        .nullable()
        .signup("The user's family name(s)")
        .profile_data(ProfileData::Shown)
        .sort(Sort::Text)
        .search(&[SearchField::new(&["family_name"], FoldedText, "u.profile ->> 'family_name'")
            .terms(&["family_name"])])
        .claim("profile", "family_name"),
    Attribute::new("name", NAME)
        .source(Source::Given)
        .create("The user's full name")
        .update("Name of this user")
        .nullable()
        .signup("The user's full name")
        .profile_data(ProfileData::Shown)
        .sort(Sort::Text)
        .search(&[SearchField::new(&["name"], FoldedText, "attribute_text(u.profile, 'name')").terms(&[
            "name",
            "email",
            "username",
            "phone_number",
        ])])
        .claim("profile", "name"),
    Attribute::new("nickname", NAME)
        .source(Source::Given)
        .create("The user's nickname")
        .update("Preferred nickname or alias of this user")
        .nullable()
        .signup("The user's nickname")
        .profile_data(ProfileData::Shown)
        .sort(Sort::Text)
        .search(&[SearchField::new(&["nickname"], FoldedText, "attribute_text(u.profile, 'nickname')")
            .terms(&["nickname"])])
        .claim("profile", "nickname"),
    Attribute::new("email_verified", Kind::Boolean)
        .source(Source::Given)
        .create("Whether this email address is verified")
        .update("Whether this email address is verified")
        .profile_data(ProfileData::Changeable)
        .sort(Sort::Json)
        .search(&[SearchField::new(&["email_verified"], Boolean, "u.profile ->> 'email_verified'")])
        .claim("email", "email_verified"),
    Attribute::new("phone_verified", Kind::Boolean)
        .source(Source::Given)
        .create("Whether this phone number has been verified")
        .update("Whether this phone number has been verified")
        .profile_data(ProfileData::Changeable)
        .sort(Sort::Json)
        .search(&[SearchField::new(&["phone_verified"], Boolean, "u.profile ->> 'phone_verified'")])
        .claim("phone", "phone_number_verified"),
    Attribute::new("blocked", Kind::Boolean)
        .source(Source::Given)
        .create("Whether this user was blocked by an administrator")
        .update("Whether this user was blocked by an administrator")
        .sort(Sort::Json)
        .search(&[SearchField::new(&["blocked"], Boolean, "u.profile ->> 'blocked'")]),
    Attribute::new("logins_count", Kind::Integer(0, i64::MAX)).sort(Sort::Json).search(&[SearchField::new(
        &["logins_count"],
        Number,
        "u.profile",
    )]),
    Attribute::new("last_ip", ANY_TEXT).sort(Sort::Text).search(&[SearchField::new(
        &["last_ip"],
        PlainText,
        "u.profile ->> 'last_ip'",
    )]),
    Attribute::new("last_login", ANY_TEXT).sort(Sort::Text).search(&[SearchField::new(
        &["last_login"],
        DateText,
        "(u.profile ->> 'last_login')",
    )]),
    Attribute::new("last_password_reset", ANY_TEXT).sort(Sort::Text),
    Attribute::new("picture", PICTURE)
        .source(Source::Given)
        .create("A URI pointing to the user's picture")
        .update("URL to picture, photo, or avatar of this user")
        .nullable()
        .signup("A URI pointing to the user's picture")
        .profile_data(ProfileData::Shown)
        .neither_sorted_nor_searched("PostgreSQL does not know it where it is computed")
        .claim("profile", "picture"),
    Attribute::new("identities", Kind::Array(1, &Kind::AnyObject)).search(&[
        SearchField::new(&["identities"], Presence, "u.identities"),
        SearchField::new(&["identities", "connection"], PlainText, "i.identity ->> 'connection'")
            .of(IDENTITIES),
        SearchField::new(&["identities", "provider"], PlainText, "i.identity ->> 'provider'").of(IDENTITIES),
        SearchField::new(&["identities", "user_id"], PlainText, "i.identity ->> 'user_id'").of(IDENTITIES),
        SearchField::new(&["identities", "isSocial"], Boolean, "i.identity ->> 'isSocial'").of(IDENTITIES),
    ]),
    Attribute::new("user_metadata", Kind::AnyObject)
        .source(Source::Metadata)
        .create("Data related to the user that does not affect the application's core functionality")
        .update("User metadata to which this user has read/write access")
        .nullable(),
    Attribute::new("app_metadata", Kind::AnyObject)
        .source(Source::Metadata)
        .create("Data related to the user that does affect the application's core functionality")
        .update("User metadata to which this user has read-only access")
        .nullable(),
];

/// A root attribute. Texts named `about` are the descriptions behind a schema violation.
#[derive(Debug)]
pub struct Attribute {
    /// The name in documents and requests.
    pub name: &'static str,
    /// The values it can have.
    pub kind: Kind,
    /// Where its value comes from.
    pub source: Source,
    /// The `about` of `POST /api/v2/users`, if that sets the attribute.
    pub create: Option<&'static str>,
    /// The `about` of `PATCH /api/v2/users/{id}`, if that changes the attribute.
    pub update: Option<&'static str>,
    /// Whether null removes it in a PATCH.
    pub nullable: bool,
    /// The `about` of `POST /dbconnections/signup`, if that sets the attribute.
    pub signup: Option<&'static str>,
    /// Whether identities show it.
    pub profile_data: ProfileData,
    /// The order of users by it.
    pub sort: Option<Sort>,
    /// The fields of the search language it gives.
    pub search: &'static [SearchField],
    /// Why it can neither be sorted nor searched by; empty where it can.
    pub exemption: &'static str,
    /// The scope and the name of the claim of `/userinfo` that shows it.
    pub claim: Option<(&'static str, &'static str)>,
}

/// Where the value of an attribute comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The service alone writes it.
    Service,
    /// A request: a member of the profile without a meaning for the service.
    Given,
    /// A request: a member of the profile that identifies the user within a connection.
    Identifier,
    /// A request: an object of any shape, merged into the column of its name. `sort` and `q` reach what is in
    /// it.
    Metadata,
}

/// Whether the `profileData` of an identity has an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileData {
    /// It has not.
    Absent,
    /// As the user had it when it was linked.
    Shown,
    /// A PATCH that addresses a secondary identity changes it.
    Changeable,
}

/// The key users are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// The time of creation, then the id: an index.
    Creation,
    /// The id: an index.
    Id,
    /// The time of the last change.
    Update,
    /// The text in the document, by code point whatever the collation of the database is.
    Text,
    /// The JSON value in the profile: numbers by value, false before true.
    Json,
}

/// A request that sets attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// `POST /api/v2/users`.
    Create,
    /// `PATCH /api/v2/users/{id}`.
    Update,
    /// `POST /dbconnections/signup`.
    Signup,
}

impl Attribute {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            source: Source::Service,
            create: None,
            update: None,
            nullable: false,
            signup: None,
            profile_data: ProfileData::Absent,
            sort: None,
            search: &[],
            exemption: "",
            claim: None,
        }
    }

    const fn source(mut self, source: Source) -> Self {
        self.source = source;
        self
    }

    const fn create(mut self, about: &'static str) -> Self {
        self.create = Some(about);
        self
    }

    const fn update(mut self, about: &'static str) -> Self {
        self.update = Some(about);
        self
    }

    const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    const fn signup(mut self, about: &'static str) -> Self {
        self.signup = Some(about);
        self
    }

    const fn profile_data(mut self, profile_data: ProfileData) -> Self {
        self.profile_data = profile_data;
        self
    }

    const fn sort(mut self, sort: Sort) -> Self {
        self.sort = Some(sort);
        self
    }

    const fn search(mut self, fields: &'static [SearchField]) -> Self {
        self.search = fields;
        self
    }

    const fn neither_sorted_nor_searched(mut self, reason: &'static str) -> Self {
        self.exemption = reason;
        self
    }

    const fn claim(mut self, scope: &'static str, claim: &'static str) -> Self {
        self.claim = Some((scope, claim));
        self
    }

    /// The field of a request that sets the attribute.
    const fn field(&self, request: Request) -> Option<Field> {
        let (about, nullable) = match request {
            Request::Create => (self.create, false),
            Request::Update => (self.update, self.nullable),
            Request::Signup => (self.signup, true),
        };
        match about {
            None => None,
            Some(about) if nullable => Some(Field::new(self.name, self.kind, about).nullable()),
            Some(about) => Some(Field::new(self.name, self.kind, about)),
        }
    }
}

/// The number of fields that [`fields`] returns beside those of its argument.
pub const fn count(request: Request) -> usize {
    let (mut count, mut n) = (0, 0);
    while n < ATTRIBUTES.len() {
        if ATTRIBUTES[n].field(request).is_some() {
            count += 1;
        }
        n += 1;
    }
    count
}

/// The fields of a request: those given, which are no attributes, and one for each attribute that it sets.
pub const fn fields<const N: usize>(request: Request, others: &[Field]) -> [Field; N] {
    assert!(N == others.len() + count(request), "a field for each attribute and each other");
    let mut fields = [Field::new("", Kind::Boolean, ""); N];
    let mut n = 0;
    while n < others.len() {
        fields[n] = others[n];
        n += 1;
    }
    let mut m = 0;
    while m < ATTRIBUTES.len() {
        if let Some(field) = ATTRIBUTES[m].field(request) {
            fields[n] = field;
            n += 1;
        }
        m += 1;
    }
    fields
}

/// The number of [`search_fields`].
pub const SEARCH_FIELDS: usize = {
    let (mut count, mut n) = (0, 0);
    while n < ATTRIBUTES.len() {
        count += ATTRIBUTES[n].search.len();
        n += 1;
    }
    count
};

/// The fields of the search language, of all attributes.
pub const fn search_fields() -> [SearchField; SEARCH_FIELDS] {
    let mut fields = [SearchField::new(&[], Presence, ""); SEARCH_FIELDS];
    let (mut count, mut n) = (0, 0);
    while n < ATTRIBUTES.len() {
        let of_attribute = ATTRIBUTES[n].search;
        let mut m = 0;
        while m < of_attribute.len() {
            fields[count] = of_attribute[m];
            count += 1;
            m += 1;
        }
        n += 1;
    }
    fields
}

/// The attribute of a name.
pub fn find(name: &str) -> Option<&'static Attribute> {
    ATTRIBUTES.iter().find(|attribute| attribute.name == name)
}

/// The names of the attributes that a request sets and the service only stores.
pub fn given(request: Request) -> impl Iterator<Item = &'static str> {
    let is_given = move |a: &&Attribute| a.source == Source::Given && a.field(request).is_some();
    ATTRIBUTES.iter().filter(is_given).map(|attribute| attribute.name)
}

/// The names of the attributes that the `profileData` of an identity shows.
pub fn profile_data() -> Vec<&'static str> {
    let is_shown = |a: &&Attribute| a.profile_data != ProfileData::Absent;
    ATTRIBUTES.iter().filter(is_shown).map(|attribute| attribute.name).collect()
}

/// Whether the attribute of a name is the user's, one identity's or a primary identity's alone.
pub fn profile_data_of(name: &str) -> ProfileData {
    find(name).map_or(ProfileData::Absent, |attribute| attribute.profile_data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_gives_the_lists() {
        let fields = |request| {
            ATTRIBUTES.iter().filter_map(|a| a.field(request)).map(|f| f.name).collect::<Vec<_>>().join(" ")
        };
        insta::assert_snapshot!(fields(Request::Create), @"user_id email username phone_number given_name family_name name nickname email_verified phone_verified blocked picture user_metadata app_metadata");
        insta::assert_snapshot!(fields(Request::Update), @"email username phone_number given_name family_name name nickname email_verified phone_verified blocked picture user_metadata app_metadata");
        insta::assert_snapshot!(fields(Request::Signup), @"email username phone_number given_name family_name name nickname picture");
        insta::assert_snapshot!(given(Request::Update).collect::<Vec<_>>().join(" "), @"given_name family_name name nickname email_verified phone_verified blocked picture");
        insta::assert_snapshot!(given(Request::Signup).collect::<Vec<_>>().join(" "), @"given_name family_name name nickname picture");
        insta::assert_snapshot!(profile_data().join(" "), @"email username phone_number given_name family_name name nickname email_verified phone_verified picture");
        let of_secondary = ATTRIBUTES.iter().filter(|a| a.profile_data == ProfileData::Changeable);
        insta::assert_snapshot!(of_secondary.map(|a| a.name).collect::<Vec<_>>().join(" "), @"email username phone_number email_verified phone_verified");
    }

    #[test]
    fn names_are_unique() {
        for (n, attribute) in ATTRIBUTES.iter().enumerate() {
            assert!(ATTRIBUTES[..n].iter().all(|other| other.name != attribute.name), "{}", attribute.name);
        }
    }

    #[test]
    fn exempt_attributes_are_neither_sorted_nor_searched() {
        for attribute in &ATTRIBUTES {
            let is_metadata = attribute.source == Source::Metadata;
            let is_found = attribute.sort.is_some() || !attribute.search.is_empty() || is_metadata;
            assert_eq!(attribute.exemption.is_empty(), is_found, "{}", attribute.name);
        }
    }
}
