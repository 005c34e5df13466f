use serde_json::Value;
use sqlx::Row;
use sqlx::types::Json;

use super::model::ConnectionConfig;
use crate::base::error::Error;
use crate::base::ids;
use crate::db::{self, Db, Statement, Tx};
use crate::journal::{Author, author, insert_journal};
use crate::resources::connections::store::NAME_IN_DELETION;
use crate::tenancy::keys::Jwk;

pub(crate) const STATEMENTS: &[&Statement] = &[
    &LOCK,
    &FOREIGN_HOST,
    &PUT_TENANT,
    &PUT_HOSTS,
    &HAS_SIGNING_KEY,
    &ADD_SIGNING_KEY,
    &PUT_GLOBAL_CLIENT,
    &FIND_CLIENT,
    &PUT_CLIENT,
    &PUT_GRANT,
    &LOCK_CONNECTION,
    &PUT_CONNECTION,
    &MANAGEMENT_CLIENT,
];

static LOCK: Statement = Statement::new(
    "tenancy.lock",
    "select pg_advisory_xact_lock(hashtextextended('provision tenant_id ' || $1::text, 0))",
);

/// One provisioning of a tenant at a time.
pub(crate) async fn lock(tx: &mut Tx, tenant: &str) -> Result<(), Error> {
    LOCK.query().bind(tenant).execute(&mut **tx).await?;
    Ok(())
}

static FOREIGN_HOST: Statement = Statement::new(
    "tenancy.foreign_host",
    "select host, tenant_id
       from tenant_hosts
      where tenant_id <> $1
        and host = any($2::text[])
      order by host
      limit 1",
);

/// A host that is another tenant's already, and whose.
pub(crate) async fn foreign_host(
    tx: &mut Tx,
    tenant: &str,
    hosts: &[String],
) -> Result<Option<(String, String)>, Error> {
    let row = FOREIGN_HOST.query().bind(tenant).bind(hosts).fetch_optional(&mut **tx).await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

// Here and below: what is written over is locked and looked at first, and then written.
static PUT_TENANT: Statement = Statement::new(
    "tenancy.put_tenant",
    concat!(
        "with old as (
             select settings, tenant_settings
               from tenants
              where tenant_id = $1
                for no key update
         ), written as (
             insert into tenants (tenant_id, settings, tenant_settings)
             select $1, $2, overlay_settings(default_tenant_settings(), $4) from (select count(*) from old) locked
                 on conflict (tenant_id)
                 do update set settings = overlay_settings(tenants.settings - '{rate_limits,search}'::text[], $3),
                               tenant_settings = overlay_settings(tenants.tenant_settings, $4),
                               tenant_settings_version = tenants.tenant_settings_version
                                   + (overlay_settings(tenants.tenant_settings, $4) <> tenants.tenant_settings)::int,
                               updated_at = now()
                      where (overlay_settings(tenants.settings - '{rate_limits,search}'::text[], $3), overlay_settings(tenants.tenant_settings, $4))
                         <> (tenants.settings, tenants.tenant_settings)
          returning tenant_id, settings, tenant_settings
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select w.tenant_id, case when o.settings is null then 'tenant.created' else 'tenant.updated' end, w.tenant_id,
                    coalesce(journal_changes(o.settings, w.settings), '{}')
                    || case when w.tenant_settings is distinct from o.tenant_settings
                            then jsonb_build_object('tenant_settings', journal_changes(o.tenant_settings, w.tenant_settings)) else '{}' end, ",
        author!("$5::text[]"),
        "
               from written w left join old o on true
         )
         select case when w.settings is not null then o.settings is null end as is_new,
                coalesce(w.settings, o.settings) ->> 'audience' as audience
           from (values (1)) one
           left join old o on true
           left join written w on true"
    ),
);

/// Was it made (`true`), changed (`false`) or left as it was? And the identifier of its Management API. `whole` is what a new
/// tenant is, `named` what one that is there is to be, `flags` the same of its answered settings.
pub(crate) async fn put_tenant(
    tx: &mut Tx,
    tenant: &str,
    whole: &Value,
    named: &Value,
    flags: &Value,
    author: &Author,
) -> Result<(Option<bool>, String), Error> {
    let query = PUT_TENANT.query().bind(tenant).bind(whole).bind(named).bind(flags).bind(author.entry());
    let row = query.fetch_one(&mut **tx).await?;
    Ok((row.try_get("is_new")?, row.try_get("audience")?))
}

static PUT_HOSTS: Statement = Statement::new(
    "tenancy.put_hosts",
    concat!(
        "with old as (
             select coalesce(jsonb_agg(host order by host), '[]') as hosts from tenant_hosts where tenant_id = $1
         ), removed as (
             delete from tenant_hosts where tenant_id = $1 and host <> all($2::text[]) returning host
         ), added as (
             insert into tenant_hosts (host, tenant_id)
             select host, $1 from unnest($2::text[]) host
                 on conflict (host) do nothing
          returning host
         ), changed as (
             select exists (select from removed) or exists (select from added) as any
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select $1, 'tenant.updated', $1, jsonb_build_object('hosts', jsonb_build_object('before', o.hosts, 'after', to_jsonb($2::text[]))), ",
        author!("$3::text[]"),
        "
               from old o, changed c
              where c.any
         )
         select changed.any from changed"
    ),
);

/// Were any of them not there, or others too many?
pub(crate) async fn put_hosts(
    tx: &mut Tx,
    tenant: &str,
    hosts: &[String],
    author: &Author,
) -> Result<bool, Error> {
    Ok(PUT_HOSTS
        .query()
        .bind(tenant)
        .bind(hosts)
        .bind(author.entry())
        .fetch_one(&mut **tx)
        .await?
        .try_get(0)?)
}

static HAS_SIGNING_KEY: Statement = Statement::new(
    "tenancy.has_signing_key",
    "select exists (select from signing_keys where tenant_id = $1)",
);

pub(crate) async fn has_signing_key(tx: &mut Tx, tenant: &str) -> Result<bool, Error> {
    Ok(HAS_SIGNING_KEY.query().bind(tenant).fetch_one(&mut **tx).await?.try_get(0)?)
}

static ADD_SIGNING_KEY: Statement = Statement::new(
    "tenancy.add_signing_key",
    concat!(
        "with written as (
             insert into signing_keys (tenant_id, kid, private_key, public_key)
             values ($1, $2, $3, $4)
          returning tenant_id, kid
         )
         ",
        insert_journal!(),
        "
         select tenant_id, 'signing_key.created', kid, '{}', ",
        author!("$5::text[]"),
        "
           from written"
    ),
);

pub(crate) async fn add_signing_key(
    tx: &mut Tx,
    tenant: &str,
    jwk: &Jwk,
    sealed: &[u8],
    author: &Author,
) -> Result<(), Error> {
    let query = ADD_SIGNING_KEY.query().bind(tenant).bind(&jwk.kid).bind(sealed).bind(Json(jwk));
    query.bind(author.entry()).execute(&mut **tx).await?;
    Ok(())
}

static PUT_GLOBAL_CLIENT: Statement = Statement::new(
    "tenancy.put_global_client",
    concat!(
        "with written as (
             insert into clients (tenant_id, client_id, settings)
             values ($1, $2, global_client())
                 on conflict (tenant_id) where settings -> 'global' = 'true' do nothing
          returning tenant_id, client_id, settings
         )
         ",
        insert_journal!(),
        "
         select tenant_id, 'client.created', client_id, journal_changes(null, settings), ",
        author!("$3::text[]"),
        "
           from written"
    ),
);

/// Every tenant has its global client.
pub(crate) async fn put_global_client(
    tx: &mut Tx,
    tenant: &str,
    id: &str,
    author: &Author,
) -> Result<(), Error> {
    PUT_GLOBAL_CLIENT.query().bind(tenant).bind(id).bind(author.entry()).execute(&mut **tx).await?;
    Ok(())
}

static FIND_CLIENT: Statement = Statement::new(
    "tenancy.find_client",
    "select client_id, client_secret
       from clients
      where tenant_id = $1
        and settings -> 'global' is distinct from 'true'
        and case when $2::text is null then settings ->> 'name' = $3 else client_id = $2 end
      order by created_at, client_id
      limit 1
        for update",
);

/// The client a file means: by its id, or by its name if the file has no id.
pub(crate) async fn find_client(
    tx: &mut Tx,
    tenant: &str,
    id: Option<&str>,
    name: &str,
) -> Result<Option<(String, Option<Vec<u8>>)>, Error> {
    let row = FIND_CLIENT.query().bind(tenant).bind(id).bind(name).fetch_optional(&mut **tx).await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

static PUT_CLIENT: Statement = Statement::new(
    "tenancy.put_client",
    concat!(
        "with old as (
             select settings, client_metadata, client_secret
               from clients
              where tenant_id = $1
                and client_id = $2
                for update
         ), written as (
             insert into clients (tenant_id, client_id, settings, client_metadata, client_secret)
             select $1, $2, $3, $4, $5 from (select count(*) from old) locked
                 on conflict (tenant_id, client_id)
                 do update set settings = clients.settings || excluded.settings,
                               client_metadata = coalesce(clients.client_metadata || excluded.client_metadata, excluded.client_metadata, clients.client_metadata),
                               client_secret = coalesce(excluded.client_secret, clients.client_secret),
                               version = clients.version + 1,
                               updated_at = now()
                      where clients.settings || excluded.settings is distinct from clients.settings
                         or clients.client_metadata || excluded.client_metadata is distinct from clients.client_metadata
                            and excluded.client_metadata is not null
                         or excluded.client_secret is not null
          returning tenant_id, client_id, settings, client_metadata, client_secret
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select w.tenant_id, case when o.settings is null then 'client.created' else 'client.updated' end, w.client_id,
                    coalesce(journal_changes(o.settings, w.settings), '{}')
                    || case when w.client_metadata is distinct from o.client_metadata
                            then jsonb_build_object('client_metadata', journal_changes(o.client_metadata, w.client_metadata)) else '{}' end
                    || case when w.client_secret is distinct from o.client_secret then '{\"client_secret\": {\"after\": \"*****\"}}' else '{}' end::jsonb,
                    ",
        author!("$6::text[]"),
        "
               from written w left join old o on true
         )
         select not exists (select from old), (select count(*) from jsonb_object_keys(client_metadata))
           from written"
    ),
);

/// Was it made (`true`), changed (`false`) or left as it was? And how many keys of metadata it has then, if not the latter. No
/// secret: the present one stays.
pub(crate) async fn put_client(
    tx: &mut Tx,
    tenant: &str,
    id: &str,
    settings: &Value,
    metadata: Option<&Value>,
    sealed: Option<&[u8]>,
    author: &Author,
) -> Result<(Option<bool>, usize), Error> {
    let query = PUT_CLIENT
        .query()
        .bind(tenant)
        .bind(id)
        .bind(settings)
        .bind(metadata)
        .bind(sealed)
        .bind(author.entry());
    let Some(row) = query.fetch_optional(&mut **tx).await? else { return Ok((None, 0)) };
    Ok((row.try_get(0)?, usize::try_from(row.try_get::<i64, _>(1)?).unwrap_or(usize::MAX)))
}

static PUT_GRANT: Statement = Statement::new(
    "tenancy.put_grant",
    concat!(
        "with old as (
             select scope
               from client_grants
              where tenant_id = $1
                and client_id = $3
                and audience = $4
                and subject_type = 'client'
                for update
         ), written as (
             insert into client_grants (tenant_id, grant_id, client_id, audience, scope)
             select $1, $2, $3, $4, $5 from (select count(*) from old) locked
                 on conflict (tenant_id, client_id, audience, subject_type)
                 do update set scope = excluded.scope, updated_at = now()
                      where client_grants.scope is distinct from excluded.scope
          returning tenant_id, grant_id, client_id, audience, scope
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select w.tenant_id, case when o.scope is null then 'client_grant.created' else 'client_grant.updated' end, w.grant_id,
                    journal_changes(case when o.scope is not null then jsonb_build_object('client_id', w.client_id, 'audience', w.audience, 'scope', o.scope) end,
                                    jsonb_build_object('client_id', w.client_id, 'audience', w.audience, 'scope', w.scope)), ",
        author!("$6::text[]"),
        "
               from written w left join old o on true
         )
         select not exists (select from old) from written"
    ),
);

pub(crate) async fn put_grant(
    tx: &mut Tx,
    tenant: &str,
    id: &str,
    client: &str,
    audience: &str,
    scope: &[&str],
    author: &Author,
) -> Result<Option<bool>, Error> {
    let query =
        PUT_GRANT.query().bind(tenant).bind(id).bind(client).bind(audience).bind(scope).bind(author.entry());
    Ok(query.fetch_optional(&mut **tx).await?.map(|row| row.try_get(0)).transpose()?)
}

/// What holds everybody else off a connection while its clients are declared.
static LOCK_CONNECTION: Statement = Statement::new(
    "tenancy.lock_connection",
    "select from connections where tenant_id = $1 and name = $2 for update",
);

static PUT_CONNECTION: Statement = Statement::new(
    "tenancy.put_connection",
    concat!(
        "with old as (
             select c.connection_id, c.options,
                    case when not c.for_all_clients then array(
                        select k.client_id from connection_clients k
                         where k.tenant_id = c.tenant_id and k.connection_id = c.connection_id
                         order by k.client_id) end as enabled_clients
               from connections c
              where c.tenant_id = $1
                and c.name = $3
         ), wanted as (
             select case when not named then (select enabled_clients from old)
                         when $7::text[] is not null then array(select distinct id from unnest($7) as e(id) order by id) end as enabled_clients,
                    named
               from (select $8 or not exists (select from old)) as e(named)
         ), written as (
             insert into connections (tenant_id, connection_id, name, strategy, options, for_all_clients)
             select $1, $2, $3, $4, $5::jsonb, enabled_clients is null
               from wanted
                 on conflict (tenant_id, name)
                 do update set options = overlay_settings(connections.options - $10::text[], $6),
                               for_all_clients = excluded.for_all_clients,
                               version = connections.version + 1,
                               updated_at = now()
                      where overlay_settings(connections.options - $10::text[], $6) is distinct from connections.options
                         or (select enabled_clients from wanted) is distinct from (select enabled_clients from old)
          returning tenant_id, connection_id, name, options
         ), disabled as (
             delete from connection_clients k
              using written w, wanted
              where k.tenant_id = w.tenant_id
                and k.connection_id = w.connection_id
                and wanted.named
                and k.client_id <> all(coalesce(wanted.enabled_clients, '{}'))
         ), enabled as (
             insert into connection_clients (tenant_id, connection_id, client_id)
             select w.tenant_id, w.connection_id, e.id
               from written w, wanted, unnest(wanted.enabled_clients) as e(id)
              where wanted.named
                 on conflict do nothing
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select w.tenant_id, case when o.options is null then 'connection.created' else 'connection.updated' end, w.connection_id,
                    journal_changes(case when o.options is not null then jsonb_build_object('name', w.name, 'options', o.options, 'enabled_clients', o.enabled_clients) end,
                                    jsonb_build_object('name', w.name, 'options', w.options, 'enabled_clients', wanted.enabled_clients)), ",
        author!("$9::text[]"),
        "
               from written w cross join wanted left join old o on true
         )
         select not exists (select from old) from written"
    ),
);

/// Was it made (`true`), changed (`false`) or left as it was? `whole` are the options of a new connection, `named` what those
/// of one that is there are to be, without those that have `ended`.
pub(crate) async fn put_connection(
    tx: &mut Tx,
    tenant: &str,
    config: &ConnectionConfig,
    (whole, ended, named): (&Value, &[&str], &Value),
    enabled: Option<&[&str]>,
    author: &Author,
) -> Result<Option<bool>, Error> {
    LOCK_CONNECTION.query().bind(tenant).bind(&config.name).execute(&mut **tx).await?;
    let query = PUT_CONNECTION.query().bind(tenant).bind(ids::prefixed("con")).bind(&config.name);
    let query = query.bind(&config.strategy).bind(whole).bind(named).bind(enabled);
    let query = query.bind(config.named.contains("enabled_clients")).bind(author.entry()).bind(ended);
    let row = query.fetch_optional(&mut **tx).await.map_err(|e| db::refusal(e, &[NAME_IN_DELETION]))?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

static MANAGEMENT_CLIENT: Statement = Statement::new(
    "tenancy.management_client",
    "select c.client_id, c.client_secret
       from tenants t
       join client_grants g on g.tenant_id = t.tenant_id and g.audience = t.settings ->> 'audience' and g.subject_type = 'client'
       join clients c on c.tenant_id = g.tenant_id and c.client_id = g.client_id
      where t.tenant_id = $1
        and c.client_secret is not null
      order by c.created_at, c.client_id
      limit 1",
);

/// A client with a grant for the Management API, and its sealed secret.
pub(crate) async fn management_client(db: &Db, tenant: &str) -> Result<Option<(String, Vec<u8>)>, Error> {
    let row = MANAGEMENT_CLIENT.query().bind(tenant).fetch_optional(db.pool()).await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}
