//! The settings of a client that contain credentials: in full in a creation, by their ids in a change.

use super::kinds::{ADDRESS, CREDENTIAL_ID, NON_EMPTY, switch, texts};
use crate::base::schema::{Field, Kind, Schema};
use crate::resources::clients::credentials::model::{CERT_SUBJECT_DN, PUBLIC_KEY, X509_CERT};

macro_rules! list_of {
    ($credential:expr) => {
        Kind::Object(&Schema::closed(&[texts(
            "credentials",
            &Kind::Object($credential),
            "Credentials enabled on the client",
        )
        .required()]))
    };
}

/// The schemas of the three settings with credentials. `$key`, `$subject` and `$certificate` are the schemas
/// of one credential: full in a creation, a reference by id in a change.
macro_rules! with_credentials {
    ($methods:ident, $request:ident, $vault:ident: $key:expr, $subject:expr, $certificate:expr) => {
        pub(super) static $methods: Schema = Schema::closed(&[
            Field::new("private_key_jwt", list_of!($key), "The private_key_jwt authentication method"),
            Field::new("tls_client_auth", list_of!($subject), "The tls_client_auth authentication method"),
            Field::new(
                "self_signed_tls_client_auth",
                list_of!($certificate),
                "The self_signed_tls_client_auth authentication method",
            ),
        ])
        .at_least(1)
        .at_most(1);
        pub(super) static $request: Schema = Schema::closed(&[
            switch("required", "Whether JWT-secured Authorization Requests are mandatory"),
            texts("credentials", &Kind::Object($key), "Credentials for JWT-secured Authorization Requests"),
        ]);
        pub(super) static $vault: Schema = Schema::closed(&[
            texts("credentials", &Kind::Object($key), "Credentials for privileged access").required(),
            texts("ip_allowlist", &ADDRESS, "Addresses and ranges that have access"),
            texts("grants", &Kind::Object(&VAULT_GRANT), "Connections whose tokens are accessible"),
        ]);
    };
}
with_credentials!(NEW_METHODS, NEW_REQUEST_OBJECT, NEW_VAULT_ACCESS: &PUBLIC_KEY, &CERT_SUBJECT_DN, &X509_CERT);
with_credentials!(METHODS, REQUEST_OBJECT, VAULT_ACCESS: &REFERENCE, &REFERENCE, &REFERENCE);
static VAULT_GRANT: Schema = Schema::closed(&[
    Field::new("connection", NON_EMPTY, "The name of the connection").required(),
    texts("scopes", &NON_EMPTY, "The scopes of the tokens").required(),
]);
static REFERENCE: Schema = Schema::closed(&[Field::new("id", CREDENTIAL_ID, "Credential ID").required()]);
