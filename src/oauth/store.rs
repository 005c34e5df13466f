use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, Row};

use super::api::Api;
use super::assertion::Key;
use crate::base::error::Error;
use crate::db::batch::{Batch, place};
use crate::db::registry::Slot;
use crate::db::{Db, Statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&CLIENT, &USE_ASSERTION];

/// What the token endpoint has to know of a client.
pub(crate) struct Client {
    pub secret: Option<Vec<u8>>,
    pub authentication: Option<String>,
    /// Does it authenticate by something other than a secret?
    pub has_methods: bool,
    /// Its keys for signed assertions.
    pub keys: Vec<Key>,
    pub grant_types: Vec<String>,
    /// Seconds an ID token lives, as its settings say.
    pub lifetime: Option<String>,
    /// The API that a token is for: the one that was asked for, or the tenant's default.
    pub audience: Option<String>,
    /// The connection of a password grant that names none, as the tenant's settings say.
    pub default_directory: Option<String>,
    /// What is granted for the audience; `None` without a grant.
    pub grant: Option<Grant>,
    /// The API of the audience, if it is stored.
    pub api: Option<Api>,
}

impl Client {
    /// Can it keep no secret?
    pub(crate) fn is_public(&self) -> bool {
        self.authentication.as_deref() == Some("none") && !self.has_methods
    }
}

/// A client's grant for its own tokens.
pub(crate) struct Grant {
    pub scope: Vec<String>,
    /// Does it give all scopes there are? Those of a stored API are in `scope` then.
    pub allow_all_scopes: bool,
    /// Are its tokens for organizations only? No token is.
    pub requires_organization: bool,
}

static CLIENT: Statement = Statement::new("auth.client", include_str!("sql/client.sql"));

/// Clients and what they may have of an API: tenant, client id, audience; that of the tenant's default API if none is named.
pub(crate) struct Clients;

impl Batch for Clients {
    type Item = (String, String, Option<String>);
    type Output = Option<Client>;
    type Key = ();
    const IDEMPOTENT: bool = true;

    fn slot() -> &'static Slot {
        static SLOT: Slot = Slot::new();
        &SLOT
    }

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
        let rows = CLIENT.raw().bind(tenants).bind(ids).bind(audiences).fetch_all(connection).await?;
        let mut found: Vec<Option<Self::Output>> = items.iter().map(|_| Some(None)).collect();
        for row in &rows {
            found[place(row)?] = Some(Some(read(row)?));
        }
        Ok(found)
    }
}

fn read(row: &PgRow) -> Result<Client, sqlx::Error> {
    let api = match row.try_get("resource_server_id")? {
        None => None,
        Some(id) => Some(Api {
            id,
            signing_alg: row.try_get("signing_alg")?,
            signing_secret: row.try_get("signing_secret")?,
            token_lifetime: row.try_get("token_lifetime")?,
            token_dialect: row.try_get("token_dialect")?,
            enforce_policies: row.try_get("enforce_policies")?,
            allows_clients: row.try_get("allows_clients")?,
            allows_people: row.try_get("allows_people")?,
            scope_for_people: row.try_get("scope_for_people")?,
            wants_more: row.try_get("wants_more")?,
        }),
    };
    let grant = match row.try_get("scope")? {
        None => None,
        Some(scope) => Some(Grant {
            scope,
            allow_all_scopes: row.try_get("allow_all_scopes")?,
            requires_organization: row.try_get("requires_organization")?,
        }),
    };
    Ok(Client {
        secret: row.try_get("client_secret")?,
        authentication: row.try_get("authentication")?,
        has_methods: row.try_get("has_methods")?,
        keys: row.try_get::<Vec<Json<Key>>, _>("keys")?.into_iter().map(|Json(key)| key).collect(),
        grant_types: row.try_get("grant_types")?,
        lifetime: row.try_get("lifetime")?,
        audience: row.try_get("audience")?,
        default_directory: row.try_get("default_directory")?,
        grant,
        api,
    })
}

pub(crate) async fn client(
    db: &Db,
    tenant: &str,
    client_id: &str,
    audience: Option<&str>,
) -> Result<Option<Client>, Error> {
    db.run::<Clients>((tenant.to_owned(), client_id.to_owned(), audience.map(str::to_owned))).await
}

static USE_ASSERTION: Statement = Statement::new("auth.use_assertion", include_str!("sql/use_assertion.sql"));

/// Notes that an assertion was used; was it for the first time?
pub(crate) async fn use_assertion(
    db: &Db,
    tenant: &str,
    client_id: &str,
    digest: &[u8],
    expires_at: i64,
) -> Result<bool, Error> {
    let query = USE_ASSERTION.raw().bind(tenant).bind(client_id).bind(digest).bind(expires_at);
    Ok(query.execute(db.pool()).await?.rows_affected() == 1)
}
