use serde_json::{Map, Value};
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::fields::merged_names;
use super::model::{ClientPatch, Filter, Granted, METADATA_KEYS, NewClient, filled_up};
use crate::base::error::{Error, Meaning, codes};
use crate::base::page::{List, Page};
use crate::db::{self, Db, Statement, etag};
use crate::journal::{Author, author, insert_journal};
use crate::resources::client_grants::store::delete_grants;
use crate::resources::connections::store::disable_client;

pub(crate) const STATEMENTS: &[&Statement] =
    &[&CREATE, &FETCH, &LIST, &LIST_OF_GRANTED, &UPDATE, &ROTATE_SECRET, &LOCK, &DELETE];

/// A client with its secret still sealed.
pub(crate) struct Stored {
    pub client_id: String,
    pub settings: Map<String, Value>,
    pub client_metadata: Option<Value>,
    pub client_secret: Option<Vec<u8>>,
    pub etag: String,
    pub created_at: OffsetDateTime,
}

const CONFLICTS: [(&str, Meaning); 2] = [
    ("client_aliases_pkey", codes::CLIENT_ALIAS_EXISTS),
    ("clients_organizations_of_third_party", codes::ORGANIZATIONS_OF_THIRD_PARTY),
];

/// The changes of settings for the journal. Any key of what is masked can hold a secret.
macro_rules! changes {
    ($old:literal, $new:literal) => {
        concat!("masked_changes(journal_changes(", $old, ", ", $new, "), array['addons', 'encryption_key'])")
    };
}

/// What makes a [`Stored`], of a table or CTE `s`.
macro_rules! stored {
    () => {
        concat!(
            "s.client_id, s.settings, s.client_metadata, s.client_secret, s.created_at, ",
            etag!("s"),
            " as etag"
        )
    };
}

fn stored(row: &PgRow) -> Result<Option<Stored>, sqlx::Error> {
    let Some(client_id) = row.try_get("client_id")? else { return Ok(None) };
    let Json(settings) = row.try_get("settings")?;
    Ok(Some(Stored {
        client_id,
        settings,
        client_metadata: row.try_get("client_metadata")?,
        client_secret: row.try_get("client_secret")?,
        etag: quoted(row.try_get("etag")?),
        created_at: row.try_get("created_at")?,
    }))
}

fn quoted(tag: &str) -> String {
    format!("\"{tag}\"")
}

static CREATE: Statement = Statement::new(
    "clients.create",
    concat!(
        "with created as (
             insert into clients (tenant_id, client_id, settings, client_metadata, client_secret)
             values ($1, $2, $3, $4, $5)
          returning *
         ), credentials as (
             insert into client_credentials (tenant_id, client_id, credential_id, document, public_key, expires_at)
             select s.tenant_id, s.client_id, c.id, c.document, c.public_key, c.expires_at
               from created s, unnest($7::text[], $8::jsonb[], $9::jsonb[], $10::timestamptz[]) c(id, document, public_key, expires_at)
          returning *
         ), credential_entries as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'client_credential.created', credential_id,
                    journal_changes(null, document || jsonb_build_object('client_id', client_id, 'expires_at', expires_at)), ",
        author!("array[gen_random_uuid()::text] || ($6::text[])[2:]"),
        "
               from credentials
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'client.created', client_id,
                    ",
        changes!("null", "settings"),
        "
                    || case when client_metadata is not null
                            then jsonb_build_object('client_metadata', journal_changes(null, client_metadata)) else '{}' end
                    || '{\"client_secret\": {\"after\": \"*****\"}}', ",
        author!("$6::text[]"),
        "
               from created
         )
         select ",
        stored!(),
        "
           from created s"
    ),
);

pub(crate) async fn create(
    db: &Db,
    tenant: &str,
    id: &str,
    new: &NewClient,
    sealed: &[u8],
    author: &Author,
) -> Result<Stored, Error> {
    let query = CREATE.query().bind(tenant).bind(id).bind(Json(&new.settings));
    let query = query.bind(new.client_metadata.as_ref().map(Json)).bind(sealed).bind(author.entry());
    let (mut ids, mut documents, mut keys, mut expiries) = (vec![], vec![], vec![], vec![]);
    for credential in &new.credentials {
        ids.push(credential.id.as_str());
        documents.push(Json(&credential.document));
        keys.push(credential.public_key.as_ref().map(Json));
        expiries.push(credential.expires_at);
    }
    let query = query.bind(ids).bind(documents).bind(keys).bind(expiries);
    let row = query.fetch_one(db.pool()).await.map_err(|e| db::refusal(e, &CONFLICTS))?;
    stored(&row)?.ok_or_else(|| Error::internal("a client that was made is not there"))
}

static FETCH: Statement = Statement::new(
    "clients.fetch",
    concat!(
        "select ",
        stored!(),
        "
       from clients s
      where s.tenant_id = $1
        and s.client_id = $2"
    ),
);

pub(crate) async fn fetch(db: &Db, tenant: &str, id: &str) -> Result<Option<Stored>, Error> {
    let row = FETCH.query().bind(tenant).bind(id).fetch_optional(db.pool()).await?;
    Ok(row.as_ref().map(stored).transpose()?.flatten())
}

/// Which clients are listed, of a table `$c`.
macro_rules! listed {
    ($c:literal) => {
        concat!(
            $c,
            ".tenant_id = $1
                and ($2::text[] is null or ",
            $c,
            ".settings ->> 'app_type' = any($2))
                and ($3::boolean or ",
            $c,
            ".settings -> 'global' is distinct from 'true')
                and (not $3 or ",
            $c,
            ".settings -> 'global' = 'true')
                and ($4::boolean is null or ",
            $c,
            ".settings -> 'is_first_party' = to_jsonb($4))
                and ($9::text is null or ",
            $c,
            ".settings ->> 'external_client_id' = $9)"
        )
    };
}

static LIST: Statement = Statement::new(
    "clients.list",
    concat!(
        "select case when $8 then (select count(*) from clients c where ",
        listed!("c"),
        ") end as total,
            ",
        stored!(),
        "
       from (values (1)) one
       left join lateral (select *
                            from clients l
                           where ",
        listed!("l"),
        "
                             and ($5::text is null or l.client_id > $5)
                           order by l.client_id
                           limit $6
                          offset $7) s on true"
    ),
);

static LIST_OF_GRANTED: Statement = Statement::new(
    "clients.list_of_granted",
    concat!(
        "select null::bigint as total,
            ",
        stored!(),
        "
       from clients s
      where s.tenant_id = $1
        and s.client_id = any(array(select g.client_id
                                      from organization_client_grants a
                                      join client_grants g on g.tenant_id = a.tenant_id and g.grant_id = a.grant_id
                                     where a.tenant_id = $1
                                       and a.organization_id = $2
                                     union
                                    select g.client_id
                                      from client_grants g
                                     where g.tenant_id = $1
                                       and $2 is null
                                       and g.settings @> '{\"allow_any_organization\": true}'))
        and ($3::text is null or s.client_id > $3)
      order by s.client_id
      limit $4"
    ),
);

/// One more than a checkpoint asks for is looked at, to know whether anything follows.
pub(crate) async fn list(db: &Db, tenant: &str, filter: &Filter, page: &Page) -> Result<List<Stored>, Error> {
    let query = if let Some(granted) = &filter.granted {
        let organization = match granted {
            Granted::Organization(id) => Some(id),
            Granted::AnyOrganization => None,
        };
        LIST_OF_GRANTED.query().bind(tenant).bind(organization).bind(page.from()).bind(page.fetched())
    } else {
        let query = LIST.query().bind(tenant).bind(filter.app_types.as_deref());
        let query = query.bind(filter.is_global).bind(filter.is_first_party).bind(page.from());
        let query = query.bind(page.fetched()).bind(page.start()).bind(page.include_totals());
        query.bind(filter.external_client_id.as_deref())
    };
    let rows = query.fetch_all(db.pool()).await?;
    let mut list = List { items: Vec::with_capacity(rows.len()), total: None, next: None };
    for row in &rows {
        list.total = row.try_get("total")?;
        list.items.extend(stored(row)?);
    }
    list.end_at(page.limit(), |client| client.client_id.clone());
    Ok(list)
}

/// What became of a change.
pub(crate) enum Updated {
    Done(Box<Stored>),
    /// So many keys `client_metadata` would have.
    TooManyKeys(usize),
    /// Not all the credentials it would name are there.
    NoSuchCredential,
    /// The precondition does not hold; the present tag.
    Mismatch(String),
    NoSuchClient,
}

static UPDATE: Statement = Statement::new(
    "clients.update",
    concat!(
        "with before as (
             select *
               from clients
              where tenant_id = $1
                and client_id = $2
                for update
         ), named as (
             select c.credential_id
               from before b
               join client_credentials c on c.tenant_id = b.tenant_id and c.client_id = b.client_id
              where c.credential_id = any($10)
                for key share of c
         ), judged as (
             select b.*, m.merged, (select count(*) from named) = cardinality($10::text[]) as complete, ",
        etag!("b"),
        " as tag,
                    case when $5::jsonb is null then 0 else (select count(*) from jsonb_object_keys(m.merged)) end as keys,
                    $7::text[] is null or ",
        etag!("b"),
        " = any($7) as matches
               from before b, lateral (select merge_metadata(b.client_metadata, $5::jsonb) as merged) m
         ), changed as (
             update clients c
                set settings = (j.settings || coalesce((
                        select jsonb_object_agg(p.key, case
                                   when p.key <> all($11::text[]) then p.value
                                   -- what comes into being is filled up, even by an empty object
                                   when o.value is null then merge_metadata(coalesce($12::jsonb -> p.key, '{}'), nullif(p.value, '{}'))
                                   else merge_metadata(o.value, p.value) end)
                          from jsonb_each($3::jsonb) p
                         cross join lateral (select nullif(j.settings -> p.key, 'null') as value) o), '{}')) - $4::text[],
                    client_metadata = j.merged,
                    client_secret = coalesce($6::bytea, j.client_secret),
                    version = j.version + 1,
                    updated_at = clock_timestamp()
               from judged j
              where c.tenant_id = j.tenant_id
                and c.client_id = j.client_id
                and j.matches
                and j.keys <= $8
                and j.complete
          returning c.*, j.settings as old_settings, j.client_metadata as old_client_metadata
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'client.updated', client_id,
                    coalesce(",
        changes!("old_settings", "settings"),
        ", '{}')
                    || case when client_metadata is distinct from old_client_metadata
                            then jsonb_build_object('client_metadata', journal_changes(old_client_metadata, client_metadata)) else '{}' end
                    || case when $6::bytea is not null then '{\"client_secret\": {\"before\": \"*****\", \"after\": \"*****\"}}' else '{}' end::jsonb, ",
        author!("$9::text[]"),
        "
               from changed
         )
         select j.tag, j.keys, j.matches, j.complete, ",
        stored!(),
        "
           from judged j
           left join changed s on true"
    ),
);

pub(crate) async fn update(
    db: &Db,
    tenant: &str,
    id: &str,
    patch: &ClientPatch,
    sealed: Option<&[u8]>,
    if_match: Option<&[String]>,
    author: &Author,
) -> Result<Updated, Error> {
    let metadata: Option<Json<&serde_json::value::RawValue>> = patch
        .client_metadata
        .as_deref()
        .map(|text| serde_json::from_str(text).map(Json))
        .transpose()
        .map_err(Error::internal)?;
    let most = i64::try_from(METADATA_KEYS).unwrap_or(i64::MAX);
    let query = UPDATE.query().bind(tenant).bind(id).bind(Json(&patch.set)).bind(&patch.unset);
    let query = query.bind(metadata).bind(sealed).bind(if_match).bind(most).bind(author.entry());
    let query = query.bind(&patch.credentials).bind(merged_names()).bind(Json(filled_up()));
    let row = query.fetch_optional(db.pool()).await.map_err(|e| db::refusal(e, &CONFLICTS))?;
    let Some(row) = row else { return Ok(Updated::NoSuchClient) };
    Ok(match stored(&row)? {
        Some(stored) => Updated::Done(Box::new(stored)),
        None if row.try_get("matches")? && !row.try_get("complete")? => Updated::NoSuchCredential,
        None if row.try_get("matches")? => {
            Updated::TooManyKeys(usize::try_from(row.try_get::<i64, _>("keys")?).unwrap_or(usize::MAX))
        }
        None => Updated::Mismatch(quoted(row.try_get("tag")?)),
    })
}

static ROTATE_SECRET: Statement = Statement::new(
    "clients.rotate_secret",
    concat!(
        "with changed as (
             update clients
                set client_secret = $3,
                    version = version + 1,
                    updated_at = clock_timestamp()
              where tenant_id = $1
                and client_id = $2
                and settings -> 'global' is distinct from 'true'
          returning *
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'client.secret_rotated', client_id,
                    '{\"client_secret\": {\"before\": \"*****\", \"after\": \"*****\"}}'::jsonb, ",
        author!("$4::text[]"),
        "
               from changed
         )
         select ",
        stored!(),
        "
           from changed s"
    ),
);

pub(crate) async fn rotate_secret(
    db: &Db,
    tenant: &str,
    id: &str,
    sealed: &[u8],
    author: &Author,
) -> Result<Option<Stored>, Error> {
    let query = ROTATE_SECRET.query().bind(tenant).bind(id).bind(sealed).bind(author.entry());
    let row = query.fetch_optional(db.pool()).await?;
    Ok(row.as_ref().map(stored).transpose()?.flatten())
}

/// What waits for grants and credentials that are being made: the deletion is to see them.
static LOCK: Statement =
    Statement::new("clients.lock", "select from clients where tenant_id = $1 and client_id = $2 for update");

static DELETE: Statement = Statement::new(
    "clients.delete",
    concat!(
        "with target as (
             select *
               from clients
              where tenant_id = $1
                and client_id = $2
         ), deleted as (
             delete from clients c
              using target t
              where c.tenant_id = t.tenant_id
                and c.client_id = t.client_id
                and c.settings -> 'global' is distinct from 'true'
          returning c.*
         ), ",
        delete_grants!("g.client_id = d.client_id", "array[gen_random_uuid()::text] || ($3::text[])[2:]"),
        ", ",
        disable_client!("array[gen_random_uuid()::text] || ($3::text[])[2:]"),
        ", credentials as (
             delete from client_credentials c
              using deleted d
              where c.tenant_id = d.tenant_id
                and c.client_id = d.client_id
          returning c.*
         ), credential_entries as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'client_credential.deleted', credential_id,
                    journal_changes(document || jsonb_build_object('client_id', client_id, 'expires_at', expires_at), null), ",
        author!("array[gen_random_uuid()::text] || ($3::text[])[2:]"),
        "
               from credentials
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'client.deleted', client_id,
                    ",
        changes!("settings", "null"),
        "
                    || case when client_metadata is not null
                            then jsonb_build_object('client_metadata', journal_changes(client_metadata, null)) else '{}' end
                    || case when client_secret is not null then '{\"client_secret\": {\"before\": \"*****\"}}' else '{}' end::jsonb, ",
        author!("$3::text[]"),
        "
               from deleted
         )
         select not exists (select from deleted) as kept from target"
    ),
);

/// Deletes a client, if there is one, with its grants, its credentials and its place in connections; was it one that stays?
pub(crate) async fn delete(db: &Db, tenant: &str, id: &str, author: &Author) -> Result<bool, Error> {
    let mut tx = db.begin().await?;
    LOCK.query().bind(tenant).bind(id).execute(&mut *tx).await?;
    let row = DELETE.query().bind(tenant).bind(id).bind(author.entry()).fetch_optional(&mut *tx).await?;
    tx.commit().await?;
    Ok(row.map(|row| row.try_get("kept")).transpose()?.unwrap_or(false))
}
