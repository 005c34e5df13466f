//! The add-ons of a client and their properties.

use super::kinds::{ANY, NON_EMPTY, NON_NEGATIVE, PLAIN_URL, switch, text, texts};
use crate::base::schema::{Field, Kind, Schema, Text};

macro_rules! addon {
    ($name:literal, [$($field:expr),*]) => {
        Field::new($name, Kind::Object(&Schema::open(&[$($field),*])), "Addon configuration")
    };
}

pub(super) static ADDONS: Schema = Schema::closed(&[
    addon!(
        "aws",
        [
            text("principal", "AWS principal ARN"),
            text("role", "AWS role ARN"),
            Field::new("lifetime_in_seconds", Kind::Integer(900, 43_200), "AWS token lifetime in seconds")
        ]
    ),
    addon!(
        "azure_blob",
        [
            Field::new(
                "accountName",
                Kind::Text(Text::ANY.pattern("^([a-z0-9]){3,24}$", |t| (3..=24).contains(&t.len())
                    && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))),
                "Your Azure storage account name"
            ),
            Field::new(
                "storageAccessKey",
                Kind::Text(Text::ANY.pattern("^([A-Za-z0-9+/]){86}==$", |t| t.len() == 88
                    && t.ends_with("==")
                    && t[..86].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/'))),
                "Access key of the storage account"
            ),
            Field::new(
                "containerName",
                Kind::Text(Text::ANY.pattern("^([a-z0-9]){1}([a-z0-9-]){2,62}$", |t| {
                    (3..=63).contains(&t.len())
                        && !t.starts_with('-')
                        && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                })),
                "Container to request a token for"
            ),
            Field::new("blobName", Kind::Text(Text::between(1, 1024)), "Entity to request a token for"),
            Field::new("expiration", NON_NEGATIVE, "Expiration in minutes"),
            text("signedIdentifier", "Shared access policy identifier"),
            switch("blob_read", "Permission to read blobs"),
            switch("blob_write", "Permission to write blobs"),
            switch("blob_delete", "Permission to delete blobs"),
            switch("container_read", "Permission to read the container"),
            switch("container_write", "Permission to write to the container"),
            switch("container_delete", "Permission to delete from the container"),
            switch("container_list", "Permission to list the container")
        ]
    ),
    addon!(
        "azure_sb",
        [
            text("namespace", "Your Azure Service Bus namespace"),
            text("sasKeyName", "Your shared access policy name"),
            text("sasKey", "Primary Key"),
            text("entityPath", "Entity to request a token for"),
            Field::new("expiration", NON_NEGATIVE, "Expiration in minutes")
        ]
    ),
    addon!("rms", [Field::new("url", PLAIN_URL, "URL of your Rights Management Server").required()]),
    addon!("mscrm", [Field::new("url", PLAIN_URL, "Microsoft Dynamics CRM application URL").required()]),
    addon!("slack", [text("team", "Slack team name").required()]),
    addon!("sentry", [text("org_slug", "Slug of your Sentry organization"), text("base_url", "URL prefix")]),
    addon!("box", []),
    addon!("cloudbees", []),
    addon!("concur", []),
    addon!("dropbox", []),
    addon!("echosign", [text("domain", "Your custom domain")]),
    addon!("egnyte", [text("domain", "Your custom domain")]),
    addon!(
        "firebase",
        [
            text("secret", "Google Firebase Secret"),
            text("private_key_id", "ID of the private key"),
            text("private_key", "Private Key for signing the token"),
            text("client_email", "ID of the Service Account"),
            Field::new("lifetime_in_seconds", NON_NEGATIVE, "Expiration in seconds")
        ]
    ),
    addon!("newrelic", [text("account", "Your New Relic Account ID")]),
    addon!(
        "office365",
        [
            text("domain", "Your Office 365 domain name"),
            text("connection", "Database connection for testing")
        ]
    ),
    addon!("salesforce", [Field::new("entity_id", PLAIN_URL, "URL that identifies the Salesforce resource")]),
    addon!(
        "salesforce_api",
        [
            text("clientid", "Consumer Key"),
            text("principal", "Name of the property that maps to a username"),
            text("communityName", "Community name"),
            text("community_url_section", "Community url section")
        ]
    ),
    addon!(
        "salesforce_sandbox_api",
        [
            text("clientid", "Consumer Key"),
            text("principal", "Name of the property that maps to a username"),
            text("communityName", "Community name"),
            text("community_url_section", "Community url section")
        ]
    ),
    addon!(
        "samlp",
        [
            Field::new("mappings", Kind::AnyObject, "Mappings of attributes"),
            text("audience", "Audience"),
            text("recipient", "Recipient"),
            switch("createUpnClaim", "Whether a UPN claim is created"),
            switch("mapUnknownClaimsAsIs", "Whether unknown claims are mapped as they are"),
            switch("passthroughClaimsWithNoMapping", "Whether claims without mapping are passed through"),
            switch("mapIdentities", "Whether identities are mapped"),
            text("signatureAlgorithm", "Signature algorithm"),
            text("digestAlgorithm", "Digest algorithm"),
            text("issuer", "Issuer"),
            text("destination", "Destination"),
            Field::new("lifetimeInSeconds", NON_NEGATIVE, "Lifetime in seconds"),
            switch("signResponse", "Whether the response is signed"),
            text("nameIdentifierFormat", "Format of the name identifier"),
            texts("nameIdentifierProbes", &NON_EMPTY, "Where the name identifier is looked for"),
            text("authnContextClassRef", "Authentication context class")
        ]
    ),
    addon!(
        "layer",
        [
            text("providerId", "Provider ID").required(),
            text("keyId", "Authentication Key identifier").required(),
            text("privateKey", "Private key for signing the token").required(),
            text("principal", "Name of the property used as the user id"),
            Field::new("expiration", NON_NEGATIVE, "Expiration in minutes")
        ]
    ),
    addon!(
        "sap_api",
        [
            text("clientid", "SAML attribute client_id"),
            text("usernameAttribute", "Name of the property that maps to a username"),
            Field::new("tokenEndpointUrl", PLAIN_URL, "Token endpoint URL"),
            text("scope", "Requested scope"),
            text("servicePassword", "Service account password"),
            text("nameIdentifierFormat", "Format of the name identifier")
        ]
    ),
    addon!(
        "sharepoint",
        [
            text("url", "Internal application URL"),
            Field::new("external_url", Kind::Any(&[ANY, Kind::Array(0, &ANY)]), "External application URLs")
        ]
    ),
    addon!("springcm", [text("acsurl", "SpringCM ACS URL")]),
    addon!("wams", [text("masterkey", "Your master key for Windows Azure Mobile Services")]),
    addon!("wsfed", []),
    addon!("zendesk", [text("accountName", "Zendesk account name")]),
    addon!("zoom", [text("account", "Zoom account name")]),
    addon!(
        "sso_integration",
        [text("name", "SSO integration name"), text("version", "SSO integration version installed")]
    ),
    Field::new("oag", Kind::Object(&NOTHING), "Okta Access Gateway SSO configuration"),
]);
static NOTHING: Schema = Schema::closed(&[]);
