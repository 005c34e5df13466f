use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::api::Api;
use crate::db::batch::{Batch, place};
use crate::db::{Db, Statement};
use crate::error::Error;

pub(crate) const STATEMENTS: &[&Statement] = &[&CLIENT];

/// What the token endpoint has to know of a client.
pub(crate) struct Client {
    pub secret: Option<Vec<u8>>,
    pub authentication: Option<String>,
    pub grant_types: Vec<String>,
    /// Seconds an ID token lives, as its settings say.
    pub lifetime: Option<String>,
    /// The scopes granted for the audience; `None` without a grant.
    pub scope: Option<Vec<String>>,
    /// The API of the audience, if it is stored.
    pub api: Option<Api>,
}

impl Client {
    /// Can it keep no secret?
    pub fn is_public(&self) -> bool {
        self.authentication.as_deref() == Some("none")
    }
}

static CLIENT: Statement = Statement::new(
    "auth.client",
    "select k.n,
            c.client_secret,
            c.settings ->> 'token_endpoint_auth_method' as authentication,
            array(select jsonb_array_elements_text(c.settings -> 'grant_types')) as grant_types,
            c.settings #>> '{jwt_configuration,lifetime_in_seconds}' as lifetime,
            g.scope,
            r.resource_server_id,
            r.signing_secret,
            r.settings ->> 'signing_alg' as signing_alg,
            (r.settings ->> 'token_lifetime')::numeric::bigint as token_lifetime,
            r.settings ->> 'token_dialect' as token_dialect,
            coalesce((r.settings ->> 'enforce_policies')::boolean, false) as enforce_policies,
            coalesce(r.settings #>> '{subject_type_authorization,client,policy}' <> 'deny_all', true) as allows_clients,
            coalesce(case r.settings #>> '{subject_type_authorization,user,policy}'
                          when 'deny_all' then false when 'require_client_grant' then g.scope is not null end, true) as allows_people,
            r.settings ? 'token_encryption'
                or coalesce(r.settings #>> '{proof_of_possession,required}' = 'true', false) as wants_more
       from unnest($1::text[], $2::text[], $3::text[]) with ordinality as k(tenant_id, client_id, audience, n)
       join clients c
         on c.tenant_id = k.tenant_id and c.client_id = k.client_id
       left join client_grants g
         on g.tenant_id = k.tenant_id and g.client_id = k.client_id and g.audience = k.audience
       left join resource_servers r
         on r.tenant_id = k.tenant_id and r.identifier = k.audience",
);

/// Clients and what they may ask of an API: tenant, client id, audience.
pub(crate) struct Clients;

impl Batch for Clients {
    type Item = [String; 3];
    type Output = Option<Client>;
    type Key = ();
    const IDEMPOTENT: bool = true;

    fn key(_: &Self::Item) -> Option<()> {
        None
    }

    async fn run(
        connection: &mut PgConnection,
        items: &[&Self::Item],
    ) -> Result<Vec<Option<Self::Output>>, sqlx::Error> {
        let column = |n: usize| items.iter().map(|item| item[n].as_str()).collect::<Vec<_>>();
        let rows =
            CLIENT.query().bind(column(0)).bind(column(1)).bind(column(2)).fetch_all(connection).await?;
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
            wants_more: row.try_get("wants_more")?,
        }),
    };
    Ok(Client {
        secret: row.try_get("client_secret")?,
        authentication: row.try_get("authentication")?,
        grant_types: row.try_get("grant_types")?,
        lifetime: row.try_get("lifetime")?,
        scope: row.try_get("scope")?,
        api,
    })
}

pub(crate) async fn client(
    db: &Db,
    tenant: &str,
    client_id: &str,
    audience: &str,
) -> Result<Option<Client>, Error> {
    db.token_clients.run([tenant.to_owned(), client_id.to_owned(), audience.to_owned()]).await
}
