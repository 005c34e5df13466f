//! Connections: where users come from, and the rules for their identifiers and passwords.
//!
//! | endpoint | scope |
//! | --- | --- |
//! | `POST /api/v2/connections` | `create:connections` |
//! | `GET /api/v2/connections`, `GET /api/v2/connections/{id}` | `read:connections` |
//! | `PATCH /api/v2/connections/{id}` | `update:connections` |
//! | `DELETE /api/v2/connections/{id}` | `delete:connections` |
//! | `/api/v2/connections/{id}/clients`, `/api/v2/clients/{id}/connections` | see [`clients`] |
//! | `DELETE /api/v2/connections/{id}/users` | `delete:users`; see `users/erasure` |
//!
//! A connection of strategy `auth0` is a database of users. Its options are stored and answered as they are
//! sent; the enforced ones are [`Options`]. A PATCH replaces `options` as a whole: of the members it leaves
//! out, `authentication_methods`, `passkey_options` and `brute_force_protection` return to their defaults and
//! the others are gone. `authentication_methods` and `attributes.email` are completed where they are sent in
//! part, but not where a PATCH repeats what is stored: what a GET answers can be sent back without effect. It
//! replaces the rest of the document member by member.
//!
//! A connection of another strategy is a document alone, so that tools that manage whole tenants read what
//! they wrote. It has no logins. The Management API creates users in it if it is passwordless (`email`,
//! `sms`).
//!
//! Secrets among the options ([`crate::base::secrets`]) are sealed by the vault, all of a connection together,
//! and answered to every caller that may read connections, as Auth0 does. The journal shows `*****`. The values
//! of a database's `configuration` are answered as fingerprints only; a request that sends one back keeps the
//! stored value. Connections are not cached: the next request on any instance sees a change.
//!
//! Lists are in the order of the names. `fields` always includes `id`, `is_domain_connection`,
//! `authentication` and `connected_accounts`, as recorded. The deletion of a client disables it for all
//! connections.
//!
//! The identifiers of users are the e-mail address and, with `requires_username`, the username; or those that
//! `attributes` name ([`Connection::requirement`], [`Connection::identifies`]).
//!
//! The deletion of a connection leaves its users to `users/erasure`.
//!
//! Deviations and decisions:
//! - `requires_username` allows usernames and makes signup require one. The Management API creates users
//!   without one, as recorded imports do. Identifiers that `attributes` require are required everywhere.
//! - A phone number is a plain attribute unless `attributes` make it an identifier.
//! - Without `passwordPolicy` the policy is `good`. Of `password_options` the minimum length is enforced.
//!   `password_history`, `password_dictionary` and `password_no_personal_info` are stored, not enforced, as
//!   are `unique: false` and `allowed_types` of attributes.
//! - Custom databases are stored, not executed: users are in Roster's own store whatever `customScripts`
//!   contain.
//! - `realms` are stored. Users log in by the connection's name. Two connections may have the same realms.
//! - `read:connections` shows options; the newer `read:connections_options` is not required.
//! - A secret that a replacement of `options` leaves out is gone, as any other option.
//! - Metadata of providers is not fetched: an OpenID Connect connection has the `options` that were sent.
//! - A client in `enabled_clients` must exist: 400.
//! - Beyond Auth0: `ETag`, `If-Match`, `If-None-Match`. The deletion of a client changes no tag.

pub mod clients;
mod fields;
pub mod model;
mod options;
pub mod routes;
pub(crate) mod store;

pub use model::Connection;
pub use options::{
    Active, Attribute, Attributes, Lengths, Options, PasswordComplexity, Range, Signup, Validation,
    database_defaults,
};

use serde_json::Value;
use time::OffsetDateTime;

use crate::app::Context;
use crate::base::error::{Error, Result, codes};
use crate::base::ids;
use crate::base::page::{List, Page};
use crate::base::secrets::{self, Secrets};
use crate::base::vault::Location;
use crate::db::Db;
use model::{ConnectionPatch, DATABASE, Document, Filter, NewConnection, check_settings};
use store::{Change, Stored};

/// Creates a connection.
pub async fn create(ctx: &Context, mut new: NewConnection) -> Result<Document> {
    let id = ids::prefixed("con");
    let secrets = seal(ctx, &id, &taken_secrets(&mut new.options))?;
    let stored = store::create(ctx.db(), &ctx.tenant.id, &id, &new, secrets.as_deref(), &ctx.author).await?;
    open(ctx, stored)
}

/// The connection with an id.
pub async fn fetch(ctx: &Context, id: &str) -> Result<Document> {
    let stored = store::fetch(ctx.db(), &ctx.tenant.id, id).await?;
    open(ctx, stored.ok_or(codes::UNKNOWN_CONNECTION)?)
}

/// A page of the connections, with their clients on request.
pub async fn list(ctx: &Context, filter: &Filter, with_clients: bool, page: &Page) -> Result<List<Document>> {
    let connections = store::list(ctx.db(), &ctx.tenant.id, filter, with_clients, page).await?;
    connections.try_map(|stored| open(ctx, stored))
}

/// Changes a connection.
pub async fn update(
    ctx: &Context,
    id: &str,
    patch: &ConnectionPatch<'_>,
    if_match: Option<Vec<String>>,
) -> Result<Document> {
    let mut tx = ctx.db().begin().await?;
    let mut locked = store::lock(&mut tx, &ctx.tenant.id, id).await?.ok_or(codes::UNKNOWN_CONNECTION)?;
    let stored = stored_secrets(ctx, id, locked.secrets.as_deref())?;
    secrets::unmask(&mut locked.options, stored.clone());
    check_settings(&locked.strategy, &patch.settings)?;
    let options = match &patch.options {
        None => None,
        Some(sent) => {
            let mut options = options::of_replacement(&locked.strategy, sent, &locked.options)?;
            let mut secrets = taken_secrets(&mut options);
            if locked.strategy == DATABASE {
                keep_fingerprinted(ctx, id, &stored, &mut secrets);
            }
            Some((options, seal(ctx, id, &secrets)?))
        }
    };
    let change = Change {
        options,
        settings: &patch.settings,
        enabled_clients: patch.enabled_clients.as_deref(),
        if_match: if_match.as_deref(),
    };
    let updated = store::update(&mut tx, &ctx.tenant.id, id, &change, &ctx.author).await?;
    let stored = updated.map_err(|etag| Error::precondition_failed(quoted(&etag)))?;
    tx.commit().await?;
    open(ctx, stored)
}

/// Deletes a connection; the time of the deletion, or `None` if neither the connection nor users of it are
/// left.
pub async fn delete(ctx: &Context, id: &str) -> Result<Option<OffsetDateTime>> {
    store::delete(ctx.db(), &ctx.tenant.id, id, ctx.now, &ctx.author).await
}

/// The connection with a name.
pub async fn by_name(db: &Db, tenant: &str, name: &str) -> Result<Option<Connection>> {
    store::find_by_name(db, tenant, name).await
}

/// The database connection with a name, or the oldest one without a name, if it is enabled for a client.
pub async fn for_client(
    db: &Db,
    tenant: &str,
    client_id: &str,
    name: Option<&str>,
) -> Result<Option<Connection>> {
    match name {
        Some(name) => store::find_by_name_for_client(db, tenant, client_id, name).await,
        None => store::find_first_for_client(db, tenant, client_id).await,
    }
}

fn seal(ctx: &Context, id: &str, secrets: &Secrets) -> Result<Option<Vec<u8>>> {
    secrets::seal(&ctx.app.vault, &Location::Connections.row(&ctx.tenant.id, id), secrets)
}

/// Takes the secrets out of options.
fn taken_secrets(options: &mut Value) -> Secrets {
    let mut secrets = Secrets::new();
    secrets::mask("", "", options, &mut secrets);
    secrets
}

fn stored_secrets(ctx: &Context, id: &str, sealed: Option<&[u8]>) -> Result<Secrets> {
    secrets::open(&ctx.app.vault, &Location::Connections.row(&ctx.tenant.id, id), sealed)
}

/// The secrets that answers contain as fingerprints.
fn is_fingerprinted(pointer: &str) -> bool {
    pointer.starts_with("/configuration/")
}

/// Replaces each secret that is the fingerprint of the stored secret at its place by the stored one.
fn keep_fingerprinted(ctx: &Context, id: &str, stored: &Secrets, secrets: &mut Secrets) {
    for (pointer, secret) in secrets.iter_mut().filter(|(pointer, _)| is_fingerprinted(pointer)) {
        let [tenant, table, id] = Location::Connections.row(&ctx.tenant.id, id);
        let location = [tenant, table, id, pointer];
        if let (Some(text), Some(kept)) = (secret.as_str(), stored.get(pointer))
            && ctx.app.vault.is_fingerprint(&location, kept.to_string().as_bytes(), text)
        {
            *secret = kept.clone();
        }
    }
}

fn open(ctx: &Context, mut stored: Stored) -> Result<Document> {
    let id = &stored.connection_id;
    let mut secrets = stored_secrets(ctx, id, stored.secrets.as_deref())?;
    if stored.strategy == DATABASE {
        let [tenant, table, id] = Location::Connections.row(&ctx.tenant.id, id);
        for (pointer, secret) in secrets.iter_mut().filter(|(pointer, _)| is_fingerprinted(pointer)) {
            let location = [tenant, table, id, pointer];
            *secret = ctx.app.vault.fingerprint(&location, secret.to_string().as_bytes()).into();
        }
    }
    secrets::unmask(&mut stored.options, secrets);
    Ok(Document {
        id: stored.connection_id,
        name: stored.name,
        strategy: stored.strategy,
        options: stored.options,
        settings: stored.settings,
        enabled_clients: stored.enabled_clients,
        etag: quoted(&stored.etag),
    })
}

fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn enforced_options_stay_readable() {
        let attribute = json!({
            "identifier": { "active": true }, "signup": { "status": "required" },
            "validation": { "min_length": 2, "max_length": 30 },
        });
        let original = json!({
            "requires_username": true, "passwordPolicy": "low", "disable_signup": true, "brute_force_protection": true,
            "password_complexity_options": { "min_length": 3 }, "password_options": { "complexity": { "min_length": 4 } },
            "validation": { "username": { "min": 2, "max": 30 } },
            "attributes": { "email": attribute, "username": attribute, "phone_number": attribute },
        });
        let mut masked = original.clone();
        assert_eq!(taken_secrets(&mut masked), Secrets::new());
        assert_eq!(masked, original);
        let options: Options = serde_json::from_value(original).unwrap();
        let unset = serde_json::to_value(Options::default()).unwrap();
        for (name, value) in serde_json::to_value(&options).unwrap().as_object().unwrap() {
            assert_ne!(Some(value), unset.get(name), "{name} is in the test");
        }
    }
}
