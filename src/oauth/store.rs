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
    pub fn is_public(&self) -> bool {
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

/// What a grant `$g` gives of the API `r`.
macro_rules! given {
    ($g:literal) => {
        concat!(
            "case when ",
            $g,
            ".settings ->> 'allow_all_scopes' = 'true'
                 then array(select s ->> 'value' from jsonb_array_elements(r.settings -> 'scopes') s) else ",
            $g,
            ".scope end"
        )
    };
}

/// The audience that was asked for, or the tenant's.
macro_rules! audience {
    () => {
        "coalesce(k.audience, t.default_audience)"
    };
}

static CLIENT: Statement = Statement::new(
    "auth.client",
    concat!(
        "select k.n,
            c.client_secret,
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
            ",
        audience!(),
        " as audience,
            t.default_directory,
            ",
        given!("g"),
        " as scope,
            coalesce(g.settings ->> 'allow_all_scopes' = 'true', false) as allow_all_scopes,
            coalesce(g.settings ->> 'organization_usage' = 'require', false) as requires_organization,
            r.resource_server_id,
            r.signing_secret,
            r.settings ->> 'signing_alg' as signing_alg,
            (r.settings ->> 'token_lifetime')::numeric::bigint as token_lifetime,
            r.settings ->> 'token_dialect' as token_dialect,
            coalesce((r.settings ->> 'enforce_policies')::boolean, false) as enforce_policies,
            coalesce(r.settings #>> '{subject_type_authorization,client,policy}' <> 'deny_all', true) as allows_clients,
            coalesce(case r.settings #>> '{subject_type_authorization,user,policy}'
                          when 'deny_all' then false when 'require_client_grant' then p.scope is not null end, true) as allows_people,
            case when r.settings #>> '{subject_type_authorization,user,policy}' = 'require_client_grant' then ",
        given!("p"),
        " end as scope_for_people,
            r.settings ? 'token_encryption'
                or coalesce(r.settings #>> '{proof_of_possession,required}' = 'true', false) as wants_more
       from unnest($1::text[], $2::text[], $3::text[]) with ordinality as k(tenant_id, client_id, audience, n)
       join clients c
         on c.tenant_id = k.tenant_id and c.client_id = k.client_id
       join tenants t
         on t.tenant_id = k.tenant_id
       left join client_grants g
         on g.tenant_id = k.tenant_id and g.client_id = k.client_id and g.subject_type = 'client' and g.audience = ",
        audience!(),
        "
       left join client_grants p
         on p.tenant_id = k.tenant_id and p.client_id = k.client_id and p.subject_type = 'user' and p.audience = ",
        audience!(),
        "
       left join resource_servers r
         on r.tenant_id = k.tenant_id and r.identifier = ",
        audience!(),
        "
      where c.settings -> 'global' is distinct from 'true'"
    ),
);

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
        let rows = CLIENT.query().bind(tenants).bind(ids).bind(audiences).fetch_all(connection).await?;
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
