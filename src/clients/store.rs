use serde_json::{Map, Value};
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use super::model::{ClientPatch, Filter, METADATA_KEYS, NewClient};
use crate::client_grants::store::delete_grants;
use crate::connections::store::disable_client;
use crate::db::{Db, Statement};
use crate::error::Error;
use crate::journal::{Author, author, insert_journal};
use crate::page::{List, Page};

pub(crate) const STATEMENTS: &[&Statement] = &[&CREATE, &FETCH, &LIST, &UPDATE, &ROTATE_SECRET, &DELETE];

/// A client with its secret still sealed.
pub(crate) struct Stored {
    pub client_id: String,
    pub settings: Map<String, Value>,
    pub client_metadata: Option<Value>,
    pub client_secret: Option<Vec<u8>>,
    pub etag: String,
}

/// The tag of a client `$c`, without its quotes.
macro_rules! etag {
    ($c:literal) => {
        concat!($c, ".version || '-' || (extract(epoch from ", $c, ".created_at) * 1000000)::bigint")
    };
}

/// What makes a [`Stored`], of a table or CTE `s`.
macro_rules! stored {
    () => {
        concat!("s.client_id, s.settings, s.client_metadata, s.client_secret, ", etag!("s"), " as etag")
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
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'client.created', client_id,
                    journal_changes(null, settings)
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
    let row = query.fetch_one(db.pool()).await?;
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
                and ($3::boolean is null or ",
            $c,
            ".settings -> 'global' = to_jsonb($3))
                and ($4::boolean is null or ",
            $c,
            ".settings -> 'is_first_party' = to_jsonb($4))"
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

/// One more than a checkpoint asks for is looked at, to know whether anything follows.
pub(crate) async fn list(db: &Db, tenant: &str, filter: &Filter, page: &Page) -> Result<List<Stored>, Error> {
    let (from, more) = match page {
        Page::Checkpoint { from, .. } => (from.as_deref(), 1),
        Page::Offset { .. } => (None, 0),
    };
    let query = LIST.query().bind(tenant).bind(filter.app_types.as_deref());
    let query = query.bind(filter.is_global).bind(filter.is_first_party).bind(from);
    let query = query.bind(page.limit() + more).bind(page.start()).bind(page.include_totals());
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
         ), judged as (
             select b.*, m.merged, ",
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
                        select jsonb_object_agg(p.key, case when jsonb_typeof(p.value) = 'object'
                                   then merge_metadata(case when jsonb_typeof(j.settings -> p.key) = 'object' then j.settings -> p.key end, p.value)
                                   else p.value end)
                          from jsonb_each($3::jsonb) p), '{}')) - $4::text[],
                    client_metadata = j.merged,
                    client_secret = coalesce($6::bytea, j.client_secret),
                    version = j.version + 1,
                    updated_at = clock_timestamp()
               from judged j
              where c.tenant_id = j.tenant_id
                and c.client_id = j.client_id
                and j.matches
                and j.keys <= $8
          returning c.*, j.settings as old_settings, j.client_metadata as old_client_metadata
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'client.updated', client_id,
                    coalesce(journal_changes(old_settings, settings), '{}')
                    || case when client_metadata is distinct from old_client_metadata
                            then jsonb_build_object('client_metadata', journal_changes(old_client_metadata, client_metadata)) else '{}' end
                    || case when $6::bytea is not null then '{\"client_secret\": {\"before\": \"*****\", \"after\": \"*****\"}}' else '{}' end::jsonb, ",
        author!("$9::text[]"),
        "
               from changed
         )
         select j.tag, j.keys, j.matches, ",
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
    let Some(row) = query.fetch_optional(db.pool()).await? else { return Ok(Updated::NoSuchClient) };
    Ok(match stored(&row)? {
        Some(stored) => Updated::Done(Box::new(stored)),
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

static DELETE: Statement = Statement::new(
    "clients.delete",
    concat!(
        "with deleted as (
             delete from clients
              where tenant_id = $1
                and client_id = $2
          returning *
         ), ",
        delete_grants!("g.client_id = d.client_id", "array[gen_random_uuid()::text] || ($3::text[])[2:]"),
        ", ",
        disable_client!("array[gen_random_uuid()::text] || ($3::text[])[2:]"),
        "
         ",
        insert_journal!(),
        "
         select tenant_id, 'client.deleted', client_id,
                journal_changes(settings, null)
                || case when client_metadata is not null
                        then jsonb_build_object('client_metadata', journal_changes(client_metadata, null)) else '{}' end
                || case when client_secret is not null then '{\"client_secret\": {\"before\": \"*****\"}}' else '{}' end::jsonb, ",
        author!("$3::text[]"),
        "
           from deleted"
    ),
);

/// Deletes a client, if there is one, with its grants and its place in connections.
pub(crate) async fn delete(db: &Db, tenant: &str, id: &str, author: &Author) -> Result<(), Error> {
    DELETE.query().bind(tenant).bind(id).bind(author.entry()).execute(db.pool()).await?;
    Ok(())
}
