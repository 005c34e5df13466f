//! Credentials of clients: public keys and certificates, which a client shows instead of a secret.
//!
//! | endpoint | scope |
//! | --- | --- |
//! | `POST /api/v2/clients/{id}/credentials` | `create:client_credentials` |
//! | `GET /api/v2/clients/{id}/credentials`, `GET /api/v2/clients/{id}/credentials/{credential_id}` | `read:client_credentials` |
//! | `PATCH /api/v2/clients/{id}/credentials/{credential_id}` | `update:client_credentials` |
//! | `DELETE /api/v2/clients/{id}/credentials/{credential_id}` | `delete:client_credentials` |
//!
//! A client has as many as it likes; those it uses are named in its `client_authentication_methods`,
//! `signed_request_object` and `token_vault_privileged_access`. A creation of a client can bring them along.
//!
//! - `public_key`: an RSA key of 2048 to 8192 bits as `PUBLIC KEY`, `RSA PUBLIC KEY` or in a `CERTIFICATE`. Its `kid` is
//!   the one sent, or the key's thumbprint (RFC 7638); its `alg` is RS256 unless said otherwise.
//! - `x509_cert`: a certificate, known by the SHA-256 digest of its DER; it is void when the certificate says so.
//! - `cert_subject_dn`: a name, or a certificate with one; of that only the name is kept, a line for each attribute.
//!
//! Deviations and decisions:
//! - Deleting one takes it out of the client's settings too, in the same statement. That there is none is no error.
//! - The PEM text is not kept: of a public key the JSON Web Key is.
//! - Nothing says how many a client can have, so no number is refused, and the list is not paged.

pub mod model;
pub mod routes;
pub(crate) mod store;

use time::OffsetDateTime;

use crate::app::Context;
use crate::base::error::{Result, codes};
use crate::base::patch::Patch;
use model::{Credential, NewCredential};

/// Gives a client a credential, which it does not use yet.
pub async fn create(ctx: &Context, client_id: &str, new: &NewCredential) -> Result<Credential> {
    let made = store::create(ctx.db(), &ctx.tenant.id, client_id, new, &ctx.author).await?;
    made.ok_or_else(|| codes::UNKNOWN_CLIENT.into())
}

/// All credentials of a client, in the order they were made.
pub async fn list(ctx: &Context, client_id: &str) -> Result<Vec<Credential>> {
    store::list(ctx.db(), &ctx.tenant.id, client_id).await?.ok_or_else(|| codes::UNKNOWN_CLIENT.into())
}

/// One of them.
pub async fn fetch(ctx: &Context, client_id: &str, id: &str) -> Result<Credential> {
    let found = store::fetch(ctx.db(), &ctx.tenant.id, client_id, id).await?;
    found.ok_or_else(|| codes::INEXISTENT_CREDENTIAL.into())
}

/// Changes when a credential is void.
pub async fn update(
    ctx: &Context,
    client_id: &str,
    id: &str,
    expires_at: Patch<OffsetDateTime>,
) -> Result<Credential> {
    let changed = store::update(ctx.db(), &ctx.tenant.id, client_id, id, &expires_at, &ctx.author).await?;
    changed.ok_or_else(|| codes::INEXISTENT_CREDENTIAL.into())
}

/// Deletes a credential, also where the client's settings name it. That there is none is no error.
pub async fn delete(ctx: &Context, client_id: &str, id: &str) -> Result<()> {
    store::delete(ctx.db(), &ctx.tenant.id, client_id, id, &ctx.author).await
}
