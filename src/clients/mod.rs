//! Clients: the applications of a tenant. The token endpoint reads them; tenant files can make them too.
//!
//! | endpoint | scopes (any of) |
//! | --- | --- |
//! | `POST /api/v2/clients` | `create:clients` |
//! | `GET /api/v2/clients`, `GET /api/v2/clients/{id}` | `read:clients`, `read:client_keys`, `read:client_credentials`, `read:client_summary` |
//! | `PATCH /api/v2/clients/{id}` | `update:clients`; `update:client_keys` for `client_secret` |
//! | `DELETE /api/v2/clients/{id}` | `delete:clients` |
//! | `POST /api/v2/clients/{id}/rotate-secret` | `update:client_keys` |
//!
//! A PATCH is one statement that merges inside Postgres. Every object among the settings merges at its first level, as
//! `client_metadata` does: what is not sent stays, `null` deletes a key, `{}` clears. `null` removes a setting; arrays
//! and plain values are replaced. Every client has a secret, sealed by the vault; deleting a client takes its grants
//! along.
//!
//! `client_secret` is answered to whoever has `read:client_keys` or `read:client_credentials`, and by the requests that
//! make one. `read:client_summary` alone sees id, name, description and type. Answers keep `tenant` whatever `fields` says.
//!
//! Deviations and decisions:
//! - `client_metadata` has at most 10 keys in a request and after the merge; a key with `null` is not kept.
//! - Settings that would need what is not here, or that hold credentials of their own, are refused by name:
//!   `client_authentication_methods`, `signed_request_object`, `encryption_key`, `addons`, `client_aliases` and the like.
//!   The others are kept and answered.
//! - `session_transfer` is kept as it is sent, without defaults; `oidc_logout` is not repeated under its older name.
//! - There is no global client: `is_global=true` lists nothing.
//! - `q` and `external_client_id` of a list are not supported and refused.

pub mod model;
pub mod routes;
pub(crate) mod store;

use crate::app::Context;
use crate::error::{Error, Result, codes};
use crate::ids;
use crate::page::{List, Page};
use model::{Client, ClientPatch, Filter, NewClient, View};
use store::{Stored, Updated};

/// Makes a client.
pub async fn create(ctx: &Context, new: NewClient) -> Result<Client> {
    let (id, secret) = (ids::client(), ids::client_secret());
    let sealed = seal(ctx, &id, &secret)?;
    let stored = store::create(ctx.db(), &ctx.tenant.id, &id, &new, &sealed, &ctx.author).await?;
    open(ctx, stored, true)
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
    if (patch.client_secret.is_some() && !ctx.has("update:client_keys"))
        || (!patch.is_only_secret() && !ctx.has("update:clients"))
    {
        return Err(codes::FIELDS_BEYOND_SCOPE.into());
    }
    let sealed = patch.client_secret.as_deref().map(|secret| seal(ctx, id, secret)).transpose()?;
    let tags = if_match.as_deref();
    match store::update(ctx.db(), &ctx.tenant.id, id, &patch, sealed.as_deref(), tags, &ctx.author).await? {
        Updated::Done(stored) => open(ctx, *stored, view(ctx).secrets || patch.client_secret.is_some()),
        Updated::TooManyKeys(count) => Err(model::too_many_keys(count)),
        Updated::Mismatch(etag) => Err(Error { etag: Some(etag), ..codes::PRECONDITION_FAILED.into() }),
        Updated::NoSuchClient => Err(codes::UNKNOWN_CLIENT.into()),
    }
}

/// Gives a client a new secret; the old one is void at once.
pub async fn rotate_secret(ctx: &Context, id: &str) -> Result<Client> {
    let sealed = seal(ctx, id, &ids::client_secret())?;
    let stored = store::rotate_secret(ctx.db(), &ctx.tenant.id, id, &sealed, &ctx.author).await?;
    open(ctx, stored.ok_or(codes::UNKNOWN_CLIENT)?, true)
}

/// Deletes a client with its grants. That there is none is no error.
pub async fn delete(ctx: &Context, id: &str) -> Result<()> {
    store::delete(ctx.db(), &ctx.tenant.id, id, &ctx.author).await
}

/// What a caller may see of a client.
pub fn view(ctx: &Context) -> View {
    let secrets = ctx.has("read:client_keys") || ctx.has("read:client_credentials");
    View { all: secrets || !ctx.has("read:client_summary") || ctx.has("read:clients"), secrets }
}

fn seal(ctx: &Context, id: &str, secret: &str) -> Result<Vec<u8>> {
    ctx.app.vault.seal(&[&ctx.tenant.id, "clients", id], secret.as_bytes())
}

fn open(ctx: &Context, stored: Stored, with_secret: bool) -> Result<Client> {
    let sealed = stored.client_secret.filter(|_| with_secret);
    let place = [&*ctx.tenant.id, "clients", &stored.client_id];
    let secret = sealed.map(|sealed| ctx.app.vault.open(&place, &sealed)).transpose()?;
    Ok(Client {
        tenant: ctx.tenant.id.to_string(),
        client_id: stored.client_id,
        settings: stored.settings,
        client_metadata: stored.client_metadata,
        client_secret: secret.map(|secret| String::from_utf8_lossy(&secret).into_owned()),
        etag: stored.etag,
    })
}
