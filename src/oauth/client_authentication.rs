//! Client authentication at the token endpoint (RFC 6749, 2.3): a secret, a signed assertion, or none for a public client.

use subtle::ConstantTimeEq;

use super::store::Client;
use super::{OAuthError, assertion};
use crate::base::vault::{Location, Vault};
use crate::db::Db;
use crate::tenancy::Tenant;

/// What a client shows to be who it says.
#[derive(Debug, Default)]
pub enum ClientProof {
    /// Nothing: it can keep no secret.
    #[default]
    Nothing,
    /// Its secret.
    Secret(String),
    /// A JWT that it signed.
    Assertion(String),
}

/// Is the client who it says? One that can keep no secret need not show one.
pub(super) async fn authenticate_client(
    db: &Db,
    vault: &Vault,
    tenant: &Tenant,
    client_id: &str,
    client: &Client,
    proof: &ClientProof,
    now: i64,
) -> Result<(), OAuthError> {
    let shown = match proof {
        ClientProof::Assertion(text) => {
            return assertion::verify(db, tenant, client_id, &client.keys, text, now).await;
        }
        _ if client.has_methods => return Err(OAuthError::unauthorized()),
        _ if client.is_public() => return Ok(()),
        ClientProof::Secret(shown) => shown,
        ClientProof::Nothing => return Err(OAuthError::unauthorized()),
    };
    let sealed = client.secret.as_ref().ok_or_else(OAuthError::unauthorized)?;
    let secret = vault.open(&Location::Clients.row(&tenant.id, client_id), sealed)?;
    if bool::from(secret.ct_eq(shown.as_bytes())) { Ok(()) } else { Err(OAuthError::unauthorized()) }
}
