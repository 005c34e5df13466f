//! Clients: the applications of a tenant. The token endpoint reads them; tenant files can make them too.
//!
//! | endpoint | scopes (any of) |
//! | --- | --- |
//! | `POST /api/v2/clients` | `create:clients` |
//! | `GET /api/v2/clients`, `GET /api/v2/clients/{id}` | `read:clients`, `read:client_keys`, `read:client_credentials`, `read:client_summary` |
//! | `PATCH /api/v2/clients/{id}` | `update:clients`; `update:client_keys` for `client_secret`; `update:client_credentials`, `update:client_token_vault_privileged_access` for what is theirs |
//! | `DELETE /api/v2/clients/{id}` | `delete:clients` |
//! | `POST /api/v2/clients/{id}/rotate-secret` | `update:client_keys` |
//! | `/api/v2/clients/{id}/credentials` | see [`credentials`] |
//!
//! A PATCH is one statement that merges inside Postgres. Every object among the settings that [`fields`] calls merged
//! merges at its first level, as `client_metadata` does: what is not sent stays, `null` deletes a key, `{}` clears. `null`
//! removes a setting; arrays, plain values and `client_authentication_methods`, of which there can be only one, are
//! replaced. Every client but the global one has a secret, sealed by the vault; deleting a client takes its grants and
//! credentials along.
//!
//! `client_secret`, `encryption_key`, `signing_keys`, `client_authentication_methods` and the keys and passwords among
//! `addons` are answered to whoever has `read:client_keys` or `read:client_credentials`, and by the requests that make
//! them. `read:client_summary` alone sees id, name, description and type. Answers keep `tenant` whatever `fields` says,
//! unless the tenant's `compat.clients_keep_tenant` says otherwise. The journal tells that `addons` or `encryption_key`
//! were changed, not their values.
//!
//! The global client stands for the tenant as a whole, as Auth0 has it: made with the tenant, listed only by
//! `is_global=true`, never deleted. No secret is made for it, and it has no credentials, no grants and no connections: who names it there
//! hears that there is no such client. Nobody gets a token as it.
//!
//! Deviations and decisions:
//! - `client_metadata` has at most 10 keys in a request and after the merge; a key with `null` is not kept, and `null` for
//!   the whole clears it.
//! - What the settings say of logins, quotas, add-ons and the like is kept and answered; what they name, such as the
//!   `default_organization`, is not looked up.
//! - `signing_keys` are the tenant's certificates, newest first, with `cert` and `subject`; there is neither `pkcs7` nor,
//!   in the answer to a creation, the private key.
//! - `oidc_backchannel_logout` is another name of `oidc_logout`: either can be sent (of both the latter counts), both are
//!   answered.
//! - Keys and passwords among `addons` are stored as they are sent: only `client_secret` is sealed.
//! - Every object can be set to null by a PATCH, as recorded, also where Auth0's schema does not say so. `refresh_token`
//!   can be sent in part.
//! - Formats of URLs allow placeholders and wildcards, so they ask for little more than a scheme.
//! - `q` knows the two queries that Auth0 documents. `external_client_id` finds nobody, as clients are not registered
//!   elsewhere.

pub mod credentials;
pub mod fields;
pub mod model;
pub mod routes;
pub(crate) mod store;

use serde_json::Value;

use crate::app::Context;
use crate::base::error::{Error, Result, codes};
use crate::base::ids;
use crate::base::page::{List, Page};
use crate::base::vault::Location;
use credentials::model::certificate;
use model::{Client, ClientPatch, Filter, NewClient, View};
use store::{Stored, Updated};

/// Makes a client.
pub async fn create(ctx: &Context, new: NewClient) -> Result<Client> {
    let (id, secret) = (ids::client(), ids::client_secret());
    let sealed = seal(ctx, &id, &secret)?;
    let stored = store::create(ctx.db(), &ctx.tenant.id, &id, &new, &sealed, &ctx.author).await?;
    open(ctx, stored, true)?.with_credentials(new.credentials)
}

/// The client with an id, as far as the caller may see it.
pub async fn fetch(ctx: &Context, id: &str) -> Result<Client> {
    let stored = store::fetch(ctx.db(), &ctx.tenant.id, id).await?.ok_or(codes::UNKNOWN_CLIENT)?;
    open(ctx, stored, view(ctx).secrets)
}

/// Refuses an id that no client has.
pub async fn must_exist(ctx: &Context, id: &str) -> Result<()> {
    store::fetch(ctx.db(), &ctx.tenant.id, id).await?.map(drop).ok_or_else(|| codes::UNKNOWN_CLIENT.into())
}

/// All clients, or those a filter lets through, as far as the caller may see them.
pub async fn list(ctx: &Context, filter: &Filter, page: &Page) -> Result<List<Client>> {
    let stored = store::list(ctx.db(), &ctx.tenant.id, filter, page).await?;
    let secrets = view(ctx).secrets;
    stored.try_map(|stored| open(ctx, stored, secrets))
}

/// Changes a client.
pub async fn update(
    ctx: &Context,
    id: &str,
    patch: ClientPatch,
    if_match: Option<Vec<String>>,
) -> Result<Client> {
    if !patch.is_allowed(|scope| ctx.has(scope)) {
        return Err(codes::FIELDS_BEYOND_SCOPE.into());
    }
    let sealed = patch.client_secret.as_deref().map(|secret| seal(ctx, id, secret)).transpose()?;
    let tags = if_match.as_deref();
    match store::update(ctx.db(), &ctx.tenant.id, id, &patch, sealed.as_deref(), tags, &ctx.author).await? {
        Updated::Done(stored) => open(ctx, *stored, view(ctx).secrets || patch.client_secret.is_some()),
        Updated::TooManyKeys(count) => Err(model::too_many_keys(count)),
        Updated::NoSuchCredential => Err(codes::UNKNOWN_CREDENTIAL.into()),
        Updated::Mismatch(etag) => Err(Error::mismatch(etag)),
        Updated::NoSuchClient => Err(codes::UNKNOWN_CLIENT.into()),
    }
}

/// Gives a client a new secret; the old one is void at once.
pub async fn rotate_secret(ctx: &Context, id: &str) -> Result<Client> {
    let sealed = seal(ctx, id, &ids::client_secret())?;
    let stored = store::rotate_secret(ctx.db(), &ctx.tenant.id, id, &sealed, &ctx.author).await?;
    open(ctx, stored.ok_or(codes::UNKNOWN_CLIENT)?, true)
}

/// Deletes a client with its grants and credentials. That there is none is no error.
pub async fn delete(ctx: &Context, id: &str) -> Result<()> {
    let kept = store::delete(ctx.db(), &ctx.tenant.id, id, &ctx.author).await?;
    if kept { Err(codes::GLOBAL_CLIENT.into()) } else { Ok(()) }
}

/// What a caller may see of a client.
pub fn view(ctx: &Context) -> View {
    let secrets = ctx.has("read:client_keys") || ctx.has("read:client_credentials");
    View {
        all: secrets || !ctx.has("read:client_summary") || ctx.has("read:clients"),
        secrets,
        keep_tenant: ctx.tenant.compat.clients_keep_tenant,
    }
}

/// The certificates of the tenant's keys, as documents of clients show them.
pub fn signing_keys(ctx: &Context) -> Value {
    ctx.tenant.jwks().into_iter().flat_map(|key| &key.x5c).filter_map(|cert| certificate(cert)).collect()
}

fn seal(ctx: &Context, id: &str, secret: &str) -> Result<Vec<u8>> {
    ctx.app.vault.seal(&Location::Clients.row(&ctx.tenant.id, id), secret.as_bytes())
}

fn open(ctx: &Context, stored: Stored, with_secret: bool) -> Result<Client> {
    let sealed = stored.client_secret.filter(|_| with_secret);
    let location = Location::Clients.row(&ctx.tenant.id, &stored.client_id);
    let secret = sealed.map(|sealed| ctx.app.vault.open(&location, &sealed)).transpose()?;
    Ok(Client {
        tenant: ctx.tenant.id.to_string(),
        client_id: stored.client_id,
        settings: stored.settings,
        client_metadata: stored.client_metadata,
        client_secret: secret.map(|secret| String::from_utf8_lossy(&secret).into_owned()),
        etag: stored.etag,
        created_at: stored.created_at,
    })
}
