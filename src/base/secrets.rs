//! Secrets inside a JSON document: taken out under JSON pointers (RFC 6901), masked in place and put back, so
//! that the stored document, the journal and the log show none of them.
//!
//! Options and add-ons are open: a client can send a secret under any name. So a text or a number is sealed
//! unless its name is in `PUBLIC`; under a name that [looks like a secret](looks_secret) it is sealed in any
//! case. A value that is sealed without need costs nothing but its place in the journal, because answers
//! contain it again. Booleans, nulls and names of members are no secrets.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::base::error::{Error, Result};
use crate::base::vault::Vault;

/// Secrets by their pointers.
pub type Secrets = BTreeMap<String, Value>;

/// The replacement of a secret.
pub const MASK: &str = "*****";

/// Names whose values stay readable in the store: those that statements or rules read, and those that say
/// what a connection is.
const PUBLIC: &[&str] = &[
    "account",
    "accountName",
    "allowed_audiences",
    "alg",
    "api_behavior",
    "app_domain",
    "app_id",
    "audience",
    "authorization_endpoint",
    "authorizationURL",
    "challenge_ui",
    "client_email",
    "client_id",
    "connection",
    "default_method",
    "digestAlgorithm",
    "discovery_url",
    "domain",
    "domain_aliases",
    "entityId",
    "entity_id",
    "from",
    "icon_url",
    "identity_api",
    "issuer",
    "jwks_uri",
    "lifetime_in_seconds",
    "max",
    "max_length",
    "min",
    "min_length",
    "name",
    "non_persistent_attrs",
    "passwordPolicy",
    "precedence",
    "principal",
    "protocolBinding",
    "role",
    "scope",
    "scopes",
    "set_user_root_attributes",
    "signInEndpoint",
    "signOutEndpoint",
    "signatureAlgorithm",
    "signup_behavior",
    "size",
    "status",
    "strategy_version",
    "subject",
    "syntax",
    "team",
    "tenant_domain",
    "token_endpoint",
    "tokenURL",
    "type",
    "userinfo_endpoint",
    "verification_method",
];

/// Containers of names that are read although their own name looks secret.
const PUBLIC_CONTAINERS: &[&str] = &["password_complexity_options", "password_history", "password_options"];

/// Parts of names whose values and members are secrets.
const SECRET_PARTS: &[&str] = &[
    "authorization",
    "configuration",
    "credential",
    "header",
    "passphrase",
    "passwd",
    "password",
    "pwd",
    "scripts",
    "secret",
    "token",
];

/// Replaces the secrets inside the member of a document by [`MASK`], and adds them to `secrets`. `pointer`
/// leads to the member.
pub fn mask(pointer: &str, name: &str, value: &mut Value, secrets: &mut Secrets) {
    mask_below(pointer, name, value, false, secrets);
}

/// Puts masked secrets back.
pub fn unmask(document: &mut Value, secrets: Secrets) {
    for (pointer, secret) in secrets {
        if let Some(value) = document.pointer_mut(&pointer) {
            *value = secret;
        }
    }
}

/// Seals secrets together for the row that holds them; `None` without any.
pub fn seal(vault: &Vault, location: &[&str], secrets: &Secrets) -> Result<Option<Vec<u8>>> {
    if secrets.is_empty() {
        return Ok(None);
    }
    let text = serde_json::to_vec(secrets).map_err(Error::internal)?;
    vault.seal(location, &text).map(Some)
}

/// Opens what [`seal`] sealed.
pub fn open(vault: &Vault, location: &[&str], sealed: Option<&[u8]>) -> Result<Secrets> {
    let Some(sealed) = sealed else { return Ok(Secrets::new()) };
    serde_json::from_slice(&vault.open(location, sealed)?).map_err(Error::internal)
}

/// The pointer of a member.
pub fn member(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Whether a name says that its value is a secret.
pub fn looks_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    let has = |part: &&str| name.contains(*part);
    let is_public = ["public", "endpoint"].iter().any(has) || name.ends_with("url");
    !is_public && (SECRET_PARTS.iter().any(has) || name.ends_with("key"))
}

fn mask_below(pointer: &str, name: &str, value: &mut Value, is_secret: bool, secrets: &mut Secrets) {
    match value {
        Value::Object(members) => {
            let is_secret = is_secret || (looks_secret(name) && !PUBLIC_CONTAINERS.contains(&name));
            for (name, value) in members {
                mask_below(&member(pointer, name), name, value, is_secret, secrets);
            }
        }
        Value::Array(elements) => {
            for (n, value) in elements.iter_mut().enumerate() {
                mask_below(&format!("{pointer}/{n}"), name, value, is_secret, secrets);
            }
        }
        Value::String(_) | Value::Number(_) if is_secret || !PUBLIC.contains(&name) => {
            secrets.insert(pointer.to_owned(), std::mem::replace(value, MASK.into()));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn masked(original: &Value) -> Value {
        let (mut document, mut secrets) = (original.clone(), Secrets::new());
        mask("", "", &mut document, &mut secrets);
        let stored = document.clone();
        unmask(&mut document, secrets);
        assert_eq!(&document, original);
        stored
    }

    #[test]
    fn values_under_unknown_and_secret_names_are_masked_and_put_back() {
        let original = json!({
            "client_id": "public", "client_secret": "a", "passphrase": "b", "pwd": 7, "cert": "c",
            "headers": [{ "name": "Authorization", "value": "d" }],
            "configuration": { "x/y": "e", "domain": "f", "n": [{ "~deep": "g" }] },
            "credentials": { "client_id": "h" },
            "made_up": { "name": "public", "anything": "i" },
            "enabled": true, "nothing": null,
        });
        assert_eq!(
            masked(&original),
            json!({
                "client_id": "public", "client_secret": MASK, "passphrase": MASK, "pwd": MASK, "cert": MASK,
                "headers": [{ "name": MASK, "value": MASK }],
                "configuration": { "x/y": MASK, "domain": MASK, "n": [{ "~deep": MASK }] },
                "credentials": { "client_id": MASK },
                "made_up": { "name": "public", "anything": MASK },
                "enabled": true, "nothing": null,
            })
        );
    }

    #[test]
    fn public_names_do_not_look_secret() {
        for name in PUBLIC.iter().filter(|name| **name != "passwordPolicy") {
            assert!(!looks_secret(name), "{name}");
        }
        for name in ["storageAccessKey", "privateKey", "servicePassword", "API_KEY", "Authorization"] {
            assert!(looks_secret(name), "{name}");
        }
        for name in ["private_key_id", "keyId", "public_key", "tokenEndpointUrl"] {
            assert!(!looks_secret(name), "{name}");
        }
    }
}
