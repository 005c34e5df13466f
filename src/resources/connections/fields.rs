//! The schemas of requests: the documents of connections, and the known options of a database.

use crate::base::schema::{Field, Format, Kind, Schema, Text};

/// The strategy of a database of users in Roster.
pub const DATABASE: &str = "auth0";

/// The strategies of Auth0's API.
const STRATEGIES: Kind = Kind::OneOf(&[
    "ad",
    "adfs",
    "amazon",
    "apple",
    "auth0",
    "auth0-oidc",
    "baidu",
    "bitbucket",
    "bitly",
    "box",
    "custom",
    "daccount",
    "dropbox",
    "dwolla",
    "email",
    "evernote",
    "evernote-sandbox",
    "exact",
    "facebook",
    "fitbit",
    "github",
    "google-apps",
    "google-oauth2",
    "instagram",
    "ip",
    "line",
    "linkedin",
    "oauth1",
    "oauth2",
    "office365",
    "oidc",
    "okta",
    "paypal",
    "paypal-sandbox",
    "pingfederate",
    "planningcenter",
    "salesforce",
    "salesforce-community",
    "salesforce-sandbox",
    "samlp",
    "sharepoint",
    "shop",
    "shopify",
    "sms",
    "soundcloud",
    "thirtysevensignals",
    "twitter",
    "untappd",
    "vkontakte",
    "waad",
    "weibo",
    "windowslive",
    "wordpress",
    "yahoo",
    "yandex",
]);
/// The enterprise strategies. Their connections get `display_name` and `show_as_button` by default, as
/// recorded.
pub(super) const ENTERPRISE: &[&str] = &[
    "ad",
    "adfs",
    "google-apps",
    "ip",
    "office365",
    "oidc",
    "okta",
    "pingfederate",
    "samlp",
    "sharepoint",
    "waad",
];

const NAME: Kind =
    Kind::Text(Text::between(1, 128).pattern("^[a-zA-Z0-9](-[a-zA-Z0-9]|[a-zA-Z0-9])*$", |text| {
        text.split('-').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
    }));
const WORD: Kind = Kind::Text(Text::at_least(1));
const CLIENT_ID: Kind = Kind::Text(Text::format(Format::ClientId));
pub(super) const METADATA: &str = "Metadata associated with the connection";
pub(super) const MAX_METADATA_KEYS: usize = 10;
/// Of a key and of a value, in characters.
pub(super) const MAX_METADATA_LENGTH: usize = 255;

const fn switch(name: &'static str, about: &'static str) -> Field {
    Field::new(name, Kind::Boolean, about)
}

static ACTIVE: Schema = Schema::closed(&[switch("active", "Whether it is active").required()]);
static CONNECTED_ACCOUNTS: Schema = Schema::closed(&[
    switch("active", "Whether it is active").required(),
    switch("cross_app_access", "Whether cross app access is enabled"),
]);

/// `$own`: the fields that a creation and a change do not share.
macro_rules! schema {
    ($($own:expr),+) => {
        Schema::closed(&[
            $($own,)+
            Field::new(
                "display_name",
                Kind::Text(Text::between(0, 128)),
                "Connection name used in the new universal login experience",
            ),
            switch("is_domain_connection", "Whether the connection is domain level"),
            switch("show_as_button", "Whether a button is shown for it"),
            Field::new("realms", Kind::Array(0, &WORD), "Realms for which the connection is used"),
            Field::new("metadata", Kind::AnyObject, METADATA),
            Field::new("authentication", Kind::Object(&ACTIVE), "Whether the connection is for logging in"),
            Field::new(
                "connected_accounts",
                Kind::Object(&CONNECTED_ACCOUNTS),
                "Whether the connection is for connected accounts",
            ),
            Field::new(
                "cross_app_access_requesting_app",
                Kind::Object(&ACTIVE),
                "Whether it is a requesting app of cross app access",
            ),
        ])
    };
}

/// The body of `POST /api/v2/connections`.
pub(super) static CREATE: Schema = schema!(
    Field::new("name", NAME, "The name of the connection").required(),
    Field::new("strategy", STRATEGIES, "The identity provider identifier for the connection").required(),
    Field::new("options", Kind::AnyObject, OPTIONS_ABOUT),
    Field::new(
        "enabled_clients",
        Kind::Array(0, &CLIENT_ID),
        "The clients for which the connection is enabled"
    )
);

/// The body of `PATCH /api/v2/connections/{id}`.
pub(super) static UPDATE: Schema = schema!(
    Field::new("options", Kind::AnyObject, OPTIONS_ABOUT).nullable(),
    Field::new(
        "enabled_clients",
        Kind::Array(0, &CLIENT_ID),
        "The clients for which the connection is enabled"
    )
    .nullable()
)
.at_least(1);

const OPTIONS_ABOUT: &str = "The connection's options (depend on the connection strategy)";
const IDENTIFIER: Kind = Kind::OneOf(&["email", "phone_number", "username"]);
const LENGTH: Kind = Kind::Integer(1, 128);

static VALIDATION: Schema = Schema::closed(&[Field::new(
    "username",
    Kind::Object(&Schema::closed(&[
        Field::new("min", LENGTH, "Minimum length").required(),
        Field::new("max", LENGTH, "Maximum length").required(),
    ])),
    "Lengths of usernames",
)
.nullable()]);

/// `$own`: the fields of one attribute alone.
macro_rules! attribute {
    ($($own:expr),*) => {
        Kind::Object(&Schema::closed(&[
            $($own,)*
            Field::new(
                "identifier",
                Kind::Object(&Schema::closed(&[
                    switch("active", "Whether users log in by it"),
                    Field::new("default_method", WORD, "The default method of login"),
                ])),
                "Whether users log in by it",
            ),
            switch("unique", "Whether only one user has it"),
            switch("profile_required", "Whether users must have it"),
            Field::new(
                "signup",
                Kind::Object(&Schema::closed(&[
                    Field::new(
                        "status",
                        Kind::OneOf(&["required", "optional", "inactive"]),
                        "Whether signup asks for it",
                    ),
                    Field::new("verification", Kind::Object(&VERIFICATION), "Whether signup verifies it"),
                ])),
                "Whether signup asks for it",
            ),
        ]))
    };
}

static VERIFICATION: Schema = Schema::closed(&[switch("active", "Whether it is verified")]);
static ATTRIBUTES: Schema = Schema::closed(&[
    Field::new(
        "email",
        attribute!(Field::new(
            "verification_method",
            Kind::OneOf(&["link", "code", "otp"]),
            "How it is verified"
        )),
        "Configuration for the email attribute for users",
    ),
    Field::new("phone_number", attribute!(), "Configuration for the phone number attribute for users"),
    Field::new(
        "username",
        attribute!(Field::new(
            "validation",
            Kind::Object(&Schema::closed(&[
                Field::new("min_length", LENGTH, "Minimum length"),
                Field::new("max_length", LENGTH, "Maximum length"),
                Field::new("allowed_types", Kind::AnyObject, "Other forms of usernames"),
            ])),
            "Lengths of usernames"
        )),
        "Configuration for the username attribute for users",
    ),
])
.at_least(1);

const fn enable(name: &'static str, of: &'static Schema, about: &'static str) -> Field {
    Field::new(name, Kind::Object(of), about).nullable()
}

static ENABLE: Schema = Schema::closed(&[switch("enable", "Whether it is enabled").required()]);
static HISTORY: Schema = Schema::closed(&[
    switch("enable", "Whether it is enabled").required(),
    Field::new("size", Kind::Integer(0, 24), "Number of remembered passwords"),
]);
static DICTIONARY: Schema = Schema::closed(&[
    switch("enable", "Whether it is enabled").required(),
    Field::new(
        "dictionary",
        Kind::Array(0, &Kind::Text(Text::between(0, 50))),
        "Words that passwords must not be",
    ),
]);
static COMPLEXITY: Schema = Schema::closed(&[Field::new("min_length", LENGTH, "Minimum password length")]);
static METHODS: Schema = Schema::open(&[
    Field::new("password", Kind::AnyObject, "Password authentication"),
    Field::new("passkey", Kind::AnyObject, "Passkey authentication"),
]);
static PASSWORD_OPTIONS: Schema = Schema::closed(&[
    Field::new(
        "complexity",
        Kind::Object(&Schema::open(&[Field::new("min_length", LENGTH, "Minimum password length")])),
        "Password complexity",
    ),
    Field::new("dictionary", Kind::AnyObject, "Words that passwords must not be"),
    Field::new("history", Kind::AnyObject, "Password history"),
    Field::new("profile_data", Kind::AnyObject, "Profile data in passwords"),
]);

/// The known options of a database; others are stored as they are sent.
pub(super) static OPTIONS: Schema = Schema::open(&[
    enable("validation", &VALIDATION, "Options for validation"),
    Field::new("non_persistent_attrs", Kind::Array(0, &WORD), "Attributes that are not stored").nullable(),
    Field::new("precedence", Kind::Array(3, &IDENTIFIER), "Order of precedence for attribute types"),
    Field::new("attributes", Kind::Object(&ATTRIBUTES), "Attribute configuration"),
    switch("enable_script_context", "Whether context is passed to scripts"),
    switch("enabledDatabaseCustomization", "Whether a legacy user store is used"),
    switch("import_mode", "Whether users are imported gradually"),
    Field::new("configuration", Kind::AnyObject, "Configuration variables of scripts").nullable(),
    Field::new("customScripts", Kind::AnyObject, "Scripts of a custom database"),
    enable("authentication_methods", &METHODS, "Options for enabling authentication methods"),
    Field::new("passkey_options", Kind::AnyObject, "Options for the passkey authentication method")
        .nullable(),
    Field::new(
        "passwordPolicy",
        Kind::OneOf(&["none", "low", "fair", "good", "excellent"]),
        "Password strength level",
    )
    .nullable(),
    enable("password_complexity_options", &COMPLEXITY, "Password complexity options"),
    enable("password_history", &HISTORY, "Options for password history policy"),
    enable("password_no_personal_info", &ENABLE, "Options for personal info in passwords policy"),
    enable("password_dictionary", &DICTIONARY, "Options for password dictionary policy"),
    Field::new("password_options", Kind::Object(&PASSWORD_OPTIONS), "Password policy options"),
    switch("disable_self_service_change_password", "Whether users cannot change their password"),
    Field::new("upstream_params", Kind::AnyObject, "Parameters for the upstream provider").nullable(),
    switch("requires_username", "Whether a username is required"),
    switch("disable_signup", "Whether signup is disabled"),
    switch("brute_force_protection", "Whether brute force protection is enabled"),
    Field::new("mfa", Kind::AnyObject, "Multi-factor authentication"),
    Field::new("strategy_version", Kind::Integer(0, 1_000), "Version of the strategy"),
]);
