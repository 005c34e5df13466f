use sqlx::Row;
use sqlx::types::Json;

use super::api::Api;
use super::assertion::Key;
use crate::db::{Db, Statement};
use crate::error::Error;

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
    /// The scopes granted for the audience; `None` without a grant.
    pub scope: Option<Vec<String>>,
    /// The API of the audience, if it is stored.
    pub api: Option<Api>,
}

impl Client {
    /// Can it keep no secret?
    pub fn is_public(&self) -> bool {
        self.authentication.as_deref() == Some("none") && !self.has_methods
    }
}

static CLIENT: Statement = Statement::new(
    "auth.client",
    "select c.client_secret,
            c.settings ->> 'token_endpoint_auth_method' as authentication,
            c.settings ? 'client_authentication_methods' as has_methods,
            array(select d.document || jsonb_build_object('jwk', d.public_key)
                    from client_credentials d
                   where d.tenant_id = c.tenant_id
                     and d.client_id = c.client_id
                     and d.public_key is not null
                     and (d.expires_at is null or d.expires_at > now())
                     and c.settings #> '{client_authentication_methods,private_key_jwt,credentials}'
                         @> jsonb_build_array(jsonb_build_object('id', d.credential_id))) as keys,
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
       from clients c
       left join client_grants g
         on g.tenant_id = c.tenant_id and g.client_id = c.client_id and g.audience = $3
       left join resource_servers r
         on r.tenant_id = c.tenant_id and r.identifier = $3
      where c.tenant_id = $1
        and c.client_id = $2
        and c.settings -> 'global' is distinct from 'true'",
);

pub(crate) async fn client(
    db: &Db,
    tenant: &str,
    client_id: &str,
    audience: &str,
) -> Result<Option<Client>, Error> {
    let row = CLIENT.query().bind(tenant).bind(client_id).bind(audience).fetch_optional(db.pool()).await?;
    let Some(row) = row else { return Ok(None) };
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
    Ok(Some(Client {
        secret: row.try_get("client_secret")?,
        authentication: row.try_get("authentication")?,
        has_methods: row.try_get("has_methods")?,
        keys: row.try_get::<Vec<Json<Key>>, _>("keys")?.into_iter().map(|Json(key)| key).collect(),
        grant_types: row.try_get("grant_types")?,
        lifetime: row.try_get("lifetime")?,
        scope: row.try_get("scope")?,
        api,
    }))
}

static USE_ASSERTION: Statement = Statement::new(
    "auth.use_assertion",
    "with swept as (
         delete from client_assertions
          where tenant_id = $1
            and client_id = $2
            and expires_at < now() - interval '1 minute'
     )
     insert into client_assertions (tenant_id, client_id, digest, expires_at)
     values ($1, $2, $3, to_timestamp($4::bigint))
         on conflict do nothing",
);

/// Notes that an assertion was used; was it for the first time?
pub(crate) async fn use_assertion(
    db: &Db,
    tenant: &str,
    client_id: &str,
    digest: &[u8],
    expires_at: i64,
) -> Result<bool, Error> {
    let query = USE_ASSERTION.query().bind(tenant).bind(client_id).bind(digest).bind(expires_at);
    Ok(query.execute(db.pool()).await?.rows_affected() == 1)
}
