//! `clients` with their grants and APIs, read in batches, and `client_assertions`, the assertions that were
//! used.
//!
//! No locks beyond those of the inserted row. The deletion of a client deletes its assertions by their
//! foreign key.

use sqlx::PgConnection;

use super::api::Api;
use super::assertion::PublicKey;
use crate::base::error::Error;
use crate::db::batch::{Batch, RegisteredBatch, batch_index};
use crate::db::registry::Slot;
use crate::db::{Db, Statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&FETCH_CLIENT, &USE_ASSERTION];

/// A client, and its access to the API of an audience.
#[derive(sqlx::FromRow)]
pub(crate) struct Client {
    /// Sealed.
    #[sqlx(rename = "client_secret")]
    pub secret: Option<Vec<u8>>,
    /// `token_endpoint_auth_method`.
    pub auth_method: Option<String>,
    /// Whether it has `client_authentication_methods`, which exclude its secret.
    pub has_authentication_methods: bool,
    /// Its keys for assertions.
    #[sqlx(json)]
    pub public_keys: Vec<PublicKey>,
    pub grant_types: Vec<String>,
    /// In seconds, as its settings have it.
    pub id_token_lifetime: Option<String>,
    /// The requested audience, or the tenant's default.
    pub audience: Option<String>,
    /// The tenant's connection for password grants without a realm.
    pub default_directory: Option<String>,
    /// The client's grant for its own tokens.
    #[sqlx(json(nullable), rename = "client_grant")]
    pub grant: Option<ClientGrant>,
    /// The API of the audience, unless it is the Management API.
    #[sqlx(json(nullable))]
    pub api: Option<Api>,
}

impl Client {
    /// Whether it authenticates without a credential.
    pub(crate) fn is_public(&self) -> bool {
        self.auth_method.as_deref() == Some("none") && !self.has_authentication_methods
    }
}

/// A client's grant for its own tokens.
#[derive(serde::Deserialize)]
pub(crate) struct ClientGrant {
    pub scope: Vec<String>,
    /// Whether it grants all scopes of the API. `scope` contains those of a stored API.
    pub allow_all_scopes: bool,
    /// Whether it grants tokens for organizations only. Roster issues none.
    pub requires_organization: bool,
}

static FETCH_CLIENT: Statement = Statement::new("oauth.fetch_client", include_str!("sql/fetch_client.sql"));

/// The batch of [`FETCH_CLIENT`]: tenant, client id and audience.
pub(crate) struct Clients;

#[derive(sqlx::FromRow)]
struct ClientRow {
    n: i64,
    #[sqlx(flatten)]
    client: Client,
    signing_secret: Option<Vec<u8>>,
}

impl RegisteredBatch for Clients {
    fn slot() -> &'static Slot {
        static SLOT: Slot = Slot::new();
        &SLOT
    }
}

impl Batch for Clients {
    type Item = (String, String, Option<String>);
    type Output = Option<Client>;
    type Key = ();
    const IDEMPOTENT: bool = true;

    fn tenant((tenant, ..): &Self::Item) -> &str {
        tenant
    }

    fn key(_: &Self::Item) -> Option<()> {
        None
    }

    async fn run(
        connection: &mut PgConnection,
        items: &[&Self::Item],
    ) -> Result<Vec<Option<Self::Output>>, sqlx::Error> {
        let tenants: Vec<&str> = items.iter().map(|item| item.0.as_str()).collect();
        let ids: Vec<&str> = items.iter().map(|item| item.1.as_str()).collect();
        let audiences: Vec<Option<&str>> = items.iter().map(|item| item.2.as_deref()).collect();
        let rows: Vec<ClientRow> = FETCH_CLIENT
            .bind("tenant_id", tenants)
            .bind("client_id", ids)
            .bind("audience", audiences)
            .fetch_all(connection)
            .await?;
        let mut clients: Vec<Option<Self::Output>> = items.iter().map(|_| Some(None)).collect();
        for ClientRow { n, mut client, signing_secret } in rows {
            if let Some(api) = &mut client.api {
                api.signing_secret = signing_secret;
            }
            let index = batch_index(n)?;
            clients[index] = Some(Some(client));
        }
        Ok(clients)
    }
}

pub(crate) async fn fetch_client(
    db: &Db,
    tenant: &str,
    client_id: &str,
    audience: Option<&str>,
) -> Result<Option<Client>, Error> {
    db.run::<Clients>((tenant.to_owned(), client_id.to_owned(), audience.map(str::to_owned))).await
}

static USE_ASSERTION: Statement =
    Statement::new("oauth.use_assertion", include_str!("sql/use_assertion.sql"));

/// Records the use of an assertion; whether it is the first one.
pub(crate) async fn use_assertion(
    db: &Db,
    tenant: &str,
    client_id: &str,
    digest: &[u8],
    expires_at: i64,
) -> Result<bool, Error> {
    let recorded = USE_ASSERTION
        .bind("tenant_id", tenant)
        .bind("client_id", client_id)
        .bind("digest", digest)
        .bind("expires_at", expires_at)
        .execute(db)
        .await?;
    Ok(recorded.rows_affected() == 1)
}
