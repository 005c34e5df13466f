//! Kinds and fields that several tables of a client's properties use.

use std::net::IpAddr;

use crate::base::schema::{Field, Format, Kind, Schema, Text, is_absolute_uri, is_web_template};

pub(super) const ANY: Kind = Kind::Text(Text::ANY);
pub(super) const NON_EMPTY: Kind = Kind::Text(Text::at_least(1));
pub(super) const NON_NEGATIVE: Kind = Kind::Integer(0, MAX);
pub(super) const POSITIVE: Kind = Kind::Integer(1, MAX);
const MAX: i64 = 2_147_483_647;

const fn own(name: &'static str, test: fn(&str) -> bool) -> Kind {
    Kind::Text(Text::format(Format::Own(name, test)))
}

pub(super) const CALLBACK: Kind = own("callback-url", is_absolute_uri);
pub(super) const URL: Kind = Kind::Text(Text::format(Format::UrlWithPlaceholders));
pub(super) const LOGO: Kind = Kind::Text(Text::format(Format::AbsoluteUriOrEmpty));
pub(super) const HTTPS: Kind = own("absolute-https-uri-with-placeholders-or-empty", |text| {
    Format::AbsoluteHttpsUriOrEmpty.matches(text)
});
pub(super) const TEMPLATE: Kind =
    own("ec-initiate-login-uri-template-url", |text| text.starts_with("https://") && is_web_template(text));
pub(super) const PLAIN_URL: Kind = Kind::Text(Text::format(Format::Url));
pub(super) const CLIENT_ID: Kind = Kind::Text(Text::format(Format::ClientId));
pub(super) const CREDENTIAL_ID: Kind = own("credential-id", |text| has_prefix(text, "cred_"));
pub(super) const ORGANIZATION_ID: Kind = own("organization-id", |text| has_prefix(text, "org_"));
pub(super) const CONNECTION_PROFILE_ID: Kind = own("connection-profile-id", |text| has_prefix(text, "cop_"));
pub(super) const USER_ATTRIBUTE_PROFILE_ID: Kind =
    own("user-attribute-profile-id", |text| has_prefix(text, "uap_"));

fn has_prefix(text: &str, prefix: &str) -> bool {
    let id = text.strip_prefix(prefix).unwrap_or_default();
    (1..=40).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric())
}

pub(super) const ADDRESS: Kind = Kind::Text(Text::format(Format::Own("ip-or-cidr", is_address_or_range)));

/// An IP address, or a range in CIDR notation.
fn is_address_or_range(text: &str) -> bool {
    let (address, length) =
        text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let bits = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.is_none_or(|length| length.parse::<u8>().is_ok_and(|length| length <= bits))
}

pub(super) const AUTHENTICATION: Kind = Kind::OneOf(&["none", "client_secret_post", "client_secret_basic"]);
pub(super) const USAGE: Kind = Kind::OneOf(&["deny", "allow", "require"]);
pub(super) const BEHAVIOR: Kind = Kind::OneOf(&["no_prompt", "pre_login_prompt", "post_login_prompt"]);
pub(super) const DISCOVERY: Kind = Kind::Array(1, &Kind::OneOf(&["email", "organization_name"]));
pub(super) const CHANNELS: Kind = Kind::Array(1, &Kind::OneOf(&["guardian-push", "email"]));
pub(super) const COMPLIANCE: Kind = Kind::OneOf(&[
    "none",
    "fapi1_adv_pkj_par",
    "fapi1_adv_mtls_par",
    "fapi2_sp_pkj_mtls",
    "fapi2_sp_mtls_mtls",
]);
pub(super) const APP_TYPES: Kind = Kind::OneOf(&[
    "native",
    "spa",
    "regular_web",
    "non_interactive",
    "resource_server",
    "express_configuration",
    "rms",
    "box",
    "cloudbees",
    "concur",
    "dropbox",
    "mscrm",
    "echosign",
    "egnyte",
    "newrelic",
    "office365",
    "salesforce",
    "sentry",
    "sharepoint",
    "slack",
    "springcm",
    "zendesk",
    "zoom",
    "sso_integration",
    "oag",
]);

pub(super) const fn switch(name: &'static str, about: &'static str) -> Field {
    Field::new(name, Kind::Boolean, about)
}

pub(super) const fn text(name: &'static str, about: &'static str) -> Field {
    Field::new(name, ANY, about)
}

pub(super) const fn texts(name: &'static str, of: &'static Kind, about: &'static str) -> Field {
    Field::new(name, Kind::Array(0, of), about)
}

pub(super) const fn merged(name: &'static str, schema: &'static Schema, about: &'static str) -> Field {
    Field::new(name, Kind::Merged(schema), about)
}
