//! Clients: the applications of a tenant.
//!
//! | endpoint | scopes (any of) |
//! | --- | --- |
//! | `POST /api/v2/clients` | `create:clients` |
//! | `GET /api/v2/clients`, `GET /api/v2/clients/{id}` | `read:clients`, `read:client_keys`, `read:client_credentials`, `read:client_summary` |
//! | `PATCH /api/v2/clients/{id}` | `update:clients`; `update:client_keys` for `client_secret`; `update:client_credentials`, `update:client_token_vault_privileged_access` for their properties |
//! | `DELETE /api/v2/clients/{id}` | `delete:clients` |
//! | `POST /api/v2/clients/{id}/rotate-secret` | `update:client_keys` |
//! | `/api/v2/clients/{id}/credentials` | see [`credentials`] |
//!
//! A PATCH is one statement that merges inside Postgres. `client_metadata` and every setting that [`fields`]
//! marks as merged merge at their first level: a key that is not sent stays, `null` deletes a key, `{}`
//! clears. Other settings are replaced: arrays, plain values, and `client_authentication_methods`, which
//! holds only one method. `null` removes a setting. Every client but the global one and those of type
//! `express_configuration` has a secret, sealed by the vault, as the values among `addons` and
//! `encryption_key` are ([`crate::base::secrets`]). A PATCH of these two is a transaction, because a sealed
//! value cannot merge inside Postgres. The deletion of a client deletes its grants and credentials.
//!
//! `client_secret`, `encryption_key`, `signing_keys`, `client_authentication_methods` and what looks like a
//! secret among `addons` are answered to callers with `read:client_keys` or `read:client_credentials`, and
//! to the request that creates the client. A new `client_secret` is answered to the request that sets it.
//! `read:client_summary` alone shows id, name, description and type. Answers have `tenant` even if `fields`
//! excludes it, unless `compat.clients_keep_tenant` of the tenant is false. The journal records a change of
//! `addons` or `encryption_key` without its values.
//!
//! The global client stands for the tenant as a whole, as in Auth0: it is created with the tenant, listed
//! only by `is_global=true`, and never deleted. It gets no generated secret, no credentials, no grants and no
//! connections; such a request is answered as if the client did not exist. No token is issued to it.
//!
//! Deviations and decisions:
//! - `client_metadata` has at most 10 keys, in a request and after the merge. A key with `null` is not
//!   stored; `null` for the whole field clears it.
//! - Settings for logins, quotas, add-ons and the like are stored and answered without effect. References in
//!   them, such as `default_organization`, are not checked, except the APIs in `refresh_token.policies`.
//! - A PATCH ignores `fields`, as recorded.
//! - `signing_keys` are the certificates of the tenant, newest first, with `cert` and `subject`. They have no
//!   `pkcs7` and, in the answer to a creation, no private key.
//! - `oidc_backchannel_logout` and `cross_origin_auth` are former names of `oidc_logout` and
//!   `cross_origin_authentication`: a request can send either (the present name wins over the other), an
//!   answer has both.
//! - Grant types are checked against Auth0's list ([`model::GRANT_TYPES`]), whether Roster issues tokens for
//!   them or not.
//! - A PATCH can set every object to null, as recorded, even where Auth0's schema does not say so.
//!   `refresh_token` can be sent in part.
//! - URLs can have placeholders and wildcards, so their formats require little more than a scheme.
//! - `q` supports the two queries that Auth0 documents, in numbered pages too, as recorded.
//!   `external_client_id` matches no client, since clients are not registered elsewhere.

pub mod credentials;
pub mod document;
pub mod fields;
pub mod filter;
pub mod model;
pub mod routes;
pub(crate) mod store;

use serde_json::Value;

use crate::app::Context;
use crate::base::error::{Error, Result, codes};
use crate::base::ids;
use crate::base::page::{List, Page};
use crate::base::secrets::{self, Secrets};
use crate::base::vault::Location;
use credentials::signing_certificate;
use document::{Client, View};
use filter::Filter;
use model::{
    ClientPatch, NewClient, is_express_configuration, is_strict, settings_with_changed_secrets, take_secrets,
    too_many_merged_keys,
};
use store::{DeleteOutcome, SealedChange, Stored, UpdateOutcome};

pub async fn create(ctx: &Context, mut new: NewClient) -> Result<Client> {
    let id = if is_strict(&new.settings) { ids::third_party_client() } else { ids::client() };
    let has_secret = !is_express_configuration(&new.settings);
    let sealed = has_secret.then(|| seal(ctx, &id, &ids::client_secret())).transpose()?;
    let secrets = seal_secrets(ctx, &id, &take_secrets(&mut new.settings))?;
    new.policy_audiences.retain(|audience| !ctx.tenant.is_management(audience));
    let (db, tenant) = (ctx.db(), &ctx.tenant.id);
    let stored =
        store::create(db, tenant, &id, &new, sealed.as_deref(), secrets.as_deref(), &ctx.author).await?;
    open(ctx, stored.ok_or(codes::UNKNOWN_POLICY_API)?, true)?.with_credentials(new.credentials)
}

/// The client with an id, with its secret if the caller can see it.
pub async fn fetch(ctx: &Context, id: &str) -> Result<Client> {
    let stored = store::fetch(ctx.db(), &ctx.tenant.id, id).await?.ok_or(codes::UNKNOWN_CLIENT)?;
    open(ctx, stored, view(ctx).secrets)
}

/// 404 if no client has the id.
pub async fn must_exist(ctx: &Context, id: &str) -> Result<()> {
    store::fetch(ctx.db(), &ctx.tenant.id, id).await?.map(drop).ok_or_else(|| codes::UNKNOWN_CLIENT.into())
}

pub async fn list(ctx: &Context, filter: &Filter, page: &Page) -> Result<List<Client>> {
    let stored = store::list(ctx.db(), &ctx.tenant.id, filter, page).await?;
    let with_secret = view(ctx).secrets;
    stored.try_map(|stored| open(ctx, stored, with_secret))
}

/// Changes a client. The answer has the secret if the caller can see it or has sent it.
pub async fn update(
    ctx: &Context,
    id: &str,
    mut patch: ClientPatch,
    if_match: Option<Vec<String>>,
) -> Result<Client> {
    if !patch.is_allowed(|scope| ctx.has(scope)) {
        return Err(codes::FIELDS_BEYOND_SCOPE.into());
    }
    patch.policy_audiences.retain(|audience| !ctx.tenant.is_management(audience));
    let client_secret = patch.client_secret.as_deref().map(|secret| seal(ctx, id, secret)).transpose()?;
    let mut sealed = SealedChange { client_secret, ..SealedChange::default() };
    let (tags, tenant) = (if_match.as_deref(), &ctx.tenant.id);
    let outcome = if patch.changes_secrets() {
        let mut tx = ctx.db().begin().await?;
        let locked = store::lock(&mut tx, tenant, id).await?.ok_or(codes::UNKNOWN_CLIENT)?;
        let stored = open_secrets(ctx, id, locked.secrets.as_deref())?;
        let mut secrets = stored.clone();
        secrets.retain(|pointer, _| patch.keeps_secret(pointer));
        secrets.append(&mut take_secrets(&mut patch.set));
        sealed.changed = settings_with_changed_secrets(&stored, &secrets);
        sealed.replaces_secrets = true;
        sealed.secrets = seal_secrets(ctx, id, &secrets)?;
        let outcome = store::update(&mut tx, tenant, id, &patch, sealed, tags, &ctx.author).await?;
        tx.commit().await?;
        outcome
    } else {
        store::update(ctx.db(), tenant, id, &patch, sealed, tags, &ctx.author).await?
    };
    match outcome {
        UpdateOutcome::Updated(stored) => {
            open(ctx, *stored, view(ctx).secrets || patch.client_secret.is_some())
        }
        UpdateOutcome::TooManyMetadataKeys(count) => Err(too_many_merged_keys(count)),
        UpdateOutcome::NoSuchCredential => Err(codes::UNKNOWN_CREDENTIAL.into()),
        UpdateOutcome::NoSuchApi => Err(codes::UNKNOWN_POLICY_API.into()),
        UpdateOutcome::Mismatch(etag) => Err(Error::precondition_failed(quoted(&etag))),
        UpdateOutcome::NoSuchClient => Err(codes::UNKNOWN_CLIENT.into()),
    }
}

/// Gives a client a new secret; the old one is invalid immediately.
pub async fn rotate_secret(ctx: &Context, id: &str) -> Result<Client> {
    let sealed = seal(ctx, id, &ids::client_secret())?;
    let stored = store::rotate_secret(ctx.db(), &ctx.tenant.id, id, &sealed, &ctx.author).await?;
    open(ctx, stored.ok_or(codes::UNKNOWN_CLIENT)?, true)
}

/// Deletes a client with its grants and credentials. An unknown id is no error.
pub async fn delete(ctx: &Context, id: &str) -> Result<()> {
    match store::delete(ctx.db(), &ctx.tenant.id, id, &ctx.author).await? {
        DeleteOutcome::DeletedOrAbsent => Ok(()),
        DeleteOutcome::IsGlobal => Err(codes::GLOBAL_CLIENT.into()),
    }
}

/// The part of a client that the caller can see.
pub fn view(ctx: &Context) -> View {
    let secrets = ctx.has("read:client_keys") || ctx.has("read:client_credentials");
    View {
        all: secrets || !ctx.has("read:client_summary") || ctx.has("read:clients"),
        secrets,
        keep_tenant: ctx.tenant.compat.clients_keep_tenant,
    }
}

/// The certificates of the tenant's keys in the form that clients have them.
pub fn signing_keys(ctx: &Context) -> Value {
    let certificates = ctx.tenant.jwks().into_iter().flat_map(|key| &key.x5c);
    certificates.filter_map(|der| signing_certificate(der)).collect()
}

fn seal(ctx: &Context, id: &str, secret: &str) -> Result<Vec<u8>> {
    ctx.app.vault.seal(&Location::Clients.row(&ctx.tenant.id, id), secret.as_bytes())
}

fn seal_secrets(ctx: &Context, id: &str, secrets: &Secrets) -> Result<Option<Vec<u8>>> {
    secrets::seal(&ctx.app.vault, &Location::ClientSettings.row(&ctx.tenant.id, id), secrets)
}

fn open_secrets(ctx: &Context, id: &str, sealed: Option<&[u8]>) -> Result<Secrets> {
    secrets::open(&ctx.app.vault, &Location::ClientSettings.row(&ctx.tenant.id, id), sealed)
}

fn open(ctx: &Context, mut stored: Stored, with_secret: bool) -> Result<Client> {
    let secrets = open_secrets(ctx, &stored.client_id, stored.secrets.as_deref())?;
    if !secrets.is_empty() {
        let mut settings = Value::Object(std::mem::take(&mut stored.settings));
        secrets::unmask(&mut settings, secrets);
        if let Value::Object(settings) = settings {
            stored.settings = settings;
        }
    }
    let sealed = stored.client_secret.filter(|_| with_secret);
    let location = Location::Clients.row(&ctx.tenant.id, &stored.client_id);
    let secret = sealed.map(|sealed| ctx.app.vault.open(&location, &sealed)).transpose()?;
    Ok(Client {
        tenant: ctx.tenant.id.to_string(),
        client_id: stored.client_id,
        settings: stored.settings,
        client_metadata: stored.client_metadata,
        client_secret: secret.map(|secret| String::from_utf8_lossy(&secret).into_owned()),
        etag: quoted(&stored.etag),
        created_at: stored.created_at,
    })
}

fn quoted(tag: &str) -> String {
    format!("\"{tag}\"")
}
