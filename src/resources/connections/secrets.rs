//! Secrets among the options of a connection: stored apart, sealed, under JSON pointers (RFC 6901); masked in
//! the stored options, so that no journal entry and no log shows them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fields::DATABASE;

/// Secrets by their pointers.
pub(super) type Secrets = BTreeMap<String, Value>;

/// Members of a database's options that are secrets if they are strings.
const SECRETS: &[&str] = &[
    "api_key",
    "apiKey",
    "api_secret",
    "app_secret",
    "client_secret",
    "consumerSecret",
    "consumer_secret",
    "decryptionKey",
    "decryption_key",
    "key",
    "password",
    "privateKey",
    "private_key",
    "secret",
    "signingKey",
    "signing_key",
    "token",
    "twilio_token",
];
/// Members whose content is secret, whatever the strategy.
const SECRET_OBJECTS: &[&str] = &["configuration", "customHeaders"];
/// The replacement of a secret in stored options.
const MASK: &str = "*****";

/// Replaces the secrets among options by [`MASK`]; the secrets. Booleans and nulls are none.
pub(super) fn mask(strategy: &str, options: &mut Value) -> Secrets {
    let mut secrets = Secrets::new();
    mask_below("", options, strategy == DATABASE, false, &mut secrets);
    secrets
}

/// Puts masked secrets back.
pub(super) fn unmask(options: &mut Value, secrets: Secrets) {
    for (pointer, secret) in secrets {
        if let Some(value) = options.pointer_mut(&pointer) {
            *value = secret;
        }
    }
}

fn mask_below(pointer: &str, value: &mut Value, is_database: bool, is_secret: bool, secrets: &mut Secrets) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                let is_secret = is_secret
                    || SECRET_OBJECTS.contains(&name.as_str())
                    || if is_database {
                        value.is_string() && SECRETS.contains(&name.as_str())
                    } else {
                        is_secret_name(name)
                    };
                mask_below(&pointer, value, is_database, is_secret, secrets);
            }
        }
        Value::Array(elements) => {
            for (n, value) in elements.iter_mut().enumerate() {
                mask_below(&format!("{pointer}/{n}"), value, is_database, is_secret, secrets);
            }
        }
        Value::String(_) | Value::Number(_) if is_secret => {
            secrets.insert(pointer.to_owned(), std::mem::replace(value, MASK.into()));
        }
        _ => {}
    }
}

/// Does a name stand for a secret, in options of a strategy whose members are not known?
fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase();
    let has = |part: &&str| name.contains(*part);
    !["public", "endpoint"].iter().any(has)
        && (["secret", "token", "password"].iter().any(has) || name.ends_with("key"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_of_a_database_are_masked_and_put_back() {
        let original = json!({
            "client_secret": "a", "client_id": "b",
            "authentication_methods": { "password": { "enabled": true } },
            "configuration": { "x/y": "c", "n": { "deep": "d" } },
            "signing": [{ "key": "e", "cert": "f" }],
            "token": null,
        });
        let mut options = original.clone();
        let secrets = mask(DATABASE, &mut options);
        assert_eq!(secrets.values().collect::<Vec<_>>(), ["a", "d", "c", "e"]);
        assert_eq!(options["configuration"], json!({ "x/y": MASK, "n": { "deep": MASK } }));
        assert_eq!((&options["client_id"], &options["signing"][0]["cert"]), (&json!("b"), &json!("f")));
        unmask(&mut options, secrets);
        assert_eq!(options, original);
    }

    #[test]
    fn secrets_of_other_strategies_are_masked_by_their_names() {
        let original = json!({
            "clientSecret": "a", "Access_Tokens": ["b", { "deep": 7 }],
            "freeform": { "customHeaders": { "Authorization": "c" } },
            "api_key": { "id": "d" },
            "signing_cert": "e", "public_key": "f", "token_endpoint": "g", "password_on": true,
        });
        let mut options = original.clone();
        let secrets = mask("oauth2", &mut options);
        assert_eq!(
            options,
            json!({
                "clientSecret": MASK, "Access_Tokens": [MASK, { "deep": MASK }],
                "freeform": { "customHeaders": { "Authorization": MASK } },
                "api_key": { "id": MASK },
                "signing_cert": "e", "public_key": "f", "token_endpoint": "g", "password_on": true,
            })
        );
        unmask(&mut options, secrets);
        assert_eq!(options, original);
    }
}
