//! Credentials of clients: public keys and certificates that authenticate a client instead of a secret.
//!
//! | endpoint | scope |
//! | --- | --- |
//! | `POST /api/v2/clients/{id}/credentials` | `create:client_credentials` |
//! | `GET /api/v2/clients/{id}/credentials`, `GET /api/v2/clients/{id}/credentials/{credential_id}` | `read:client_credentials` |
//! | `PATCH /api/v2/clients/{id}/credentials/{credential_id}` | `update:client_credentials` |
//! | `DELETE /api/v2/clients/{id}/credentials/{credential_id}` | `delete:client_credentials` |
//!
//! A client uses the credentials that its `client_authentication_methods`, `signed_request_object` and
//! `token_vault_privileged_access` name. The creation of a client can contain its credentials.
//!
//! - `public_key`: an RSA key of 2048 to 8192 bits as `PUBLIC KEY`, `RSA PUBLIC KEY` or in a `CERTIFICATE`.
//!   Its `kid` is the one sent or the thumbprint of the key (RFC 7638); its `alg` is the one sent or RS256.
//! - `x509_cert`: a certificate, identified by the SHA-256 digest of its DER. It expires with the
//!   certificate.
//! - `cert_subject_dn`: a distinguished name, or a certificate of which only the name is stored, one
//!   attribute a line.
//!
//! Deviations and decisions:
//! - The deletion of a credential also deletes its id from the settings of the client, in the same statement.
//!   An unknown id is no error.
//! - The PEM text is not stored; of a public key the JSON Web Key is.
//! - Auth0 documents no limit on the number of credentials, so no number is refused, and the list has no
//!   pages.

pub mod model;
mod pem;
pub mod routes;
pub(crate) mod store;

use time::OffsetDateTime;

use crate::app::Context;
use crate::base::error::{Result, codes};
use crate::base::patch::Patch;
use model::{Credential, NewCredential};
pub(super) use pem::signing_certificate;

/// Creates a credential. The client does not use it until its settings name it.
pub async fn create(ctx: &Context, client_id: &str, new: &NewCredential) -> Result<Credential> {
    let created = store::create(ctx.db(), &ctx.tenant.id, client_id, new, &ctx.author).await?;
    created.ok_or_else(|| codes::UNKNOWN_CLIENT.into())
}

/// All credentials of a client, oldest first.
pub async fn list(ctx: &Context, client_id: &str) -> Result<Vec<Credential>> {
    store::list(ctx.db(), &ctx.tenant.id, client_id).await?.ok_or_else(|| codes::UNKNOWN_CLIENT.into())
}

pub async fn fetch(ctx: &Context, client_id: &str, id: &str) -> Result<Credential> {
    let found = store::fetch(ctx.db(), &ctx.tenant.id, client_id, id).await?;
    found.ok_or_else(|| codes::INEXISTENT_CREDENTIAL.into())
}

/// Changes the expiry of a credential.
pub async fn update(
    ctx: &Context,
    client_id: &str,
    id: &str,
    expires_at: &Patch<OffsetDateTime>,
) -> Result<Credential> {
    let updated = store::update(ctx.db(), &ctx.tenant.id, client_id, id, expires_at, &ctx.author).await?;
    updated.ok_or_else(|| codes::INEXISTENT_CREDENTIAL.into())
}

/// Deletes a credential, and its id from the settings of the client. An unknown id is no error.
pub async fn delete(ctx: &Context, client_id: &str, id: &str) -> Result<()> {
    store::delete(ctx.db(), &ctx.tenant.id, client_id, id, &ctx.author).await
}
