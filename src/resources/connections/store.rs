use serde_json::{Map, Value};
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::model::{ClientsPatch, Connection, DATABASE, Filter, NewConnection, Options};
use crate::base::error::{Error, Meaning, codes};
use crate::base::page::{List, Page};
use crate::db::{self, Db, Statement, Tx, etag};
use crate::journal::{Author, author, insert_journal};

pub(crate) const STATEMENTS: &[&Statement] = &[
    &BY_NAME,
    &BY_NAME_FOR_CLIENT,
    &FIRST_FOR_CLIENT,
    &CREATE,
    &FETCH,
    &LIST,
    &LOCK,
    &UPDATE,
    &DELETE,
    &CLIENTS,
    &SET_CLIENTS,
];

/// Is a connection `$c` enabled for any client at all? Asked as what comes first from its place in the key on, which is
/// one look however few of many clients are its own.
macro_rules! is_enabled {
    ($c:literal) => {
        concat!(
            "(",
            $c,
            ".for_all_clients or coalesce((select k.connection_id from connection_clients k where k.tenant_id = ",
            $c,
            ".tenant_id and k.connection_id >= ",
            $c,
            ".connection_id order by k.connection_id limit 1) = ",
            $c,
            ".connection_id, false))"
        )
    };
}
pub(crate) use is_enabled;

/// What makes a [`Connection`], of `connections c`.
macro_rules! connection {
    () => {
        concat!(
            "select c.connection_id,
            c.name,
            c.strategy,
            jsonb_strip_nulls(c.options) as options,
            ",
            is_enabled!("c"),
            " as is_enabled
       from connections c
      where c.tenant_id = $1"
        )
    };
}

fn connection(row: &PgRow) -> Result<Connection, Error> {
    let strategy: String = row.try_get("strategy")?;
    // The options of others are whatever somebody sent.
    let options =
        if strategy == DATABASE { row.try_get::<Json<Options>, _>("options")?.0 } else { Options::default() };
    Ok(Connection {
        connection_id: row.try_get("connection_id")?,
        name: row.try_get("name")?,
        strategy,
        options,
        is_enabled: row.try_get("is_enabled")?,
    })
}

static BY_NAME: Statement =
    Statement::new("connections.by_name", concat!(connection!(), "\n        and c.name = $2"));

pub(crate) async fn by_name(db: &Db, tenant: &str, name: &str) -> Result<Option<Connection>, Error> {
    let row = BY_NAME.query().bind(tenant).bind(name).fetch_optional(db.pool()).await?;
    row.as_ref().map(connection).transpose()
}

/// Is a connection `$c` of tenant $1 one of client `$client`'s?
macro_rules! is_of_client {
    ($c:literal, $client:literal) => {
        concat!(
            "case when ",
            $c,
            ".for_all_clients then exists (select from clients k where k.tenant_id = $1 and k.client_id = ",
            $client,
            ") else exists (select from connection_clients k where k.tenant_id = $1 and k.connection_id = ",
            $c,
            ".connection_id and k.client_id = ",
            $client,
            ") end"
        )
    };
}

/// What makes a connection a database that client $2 may use.
macro_rules! for_client {
    () => {
        concat!("\n        and c.strategy = 'auth0'\n        and ", is_of_client!("c", "$2"))
    };
}

static BY_NAME_FOR_CLIENT: Statement = Statement::new(
    "connections.by_name_for_client",
    concat!(connection!(), for_client!(), "\n        and c.name = $3"),
);

pub(crate) async fn by_name_for_client(
    db: &Db,
    tenant: &str,
    client_id: &str,
    name: &str,
) -> Result<Option<Connection>, Error> {
    let query = BY_NAME_FOR_CLIENT.query().bind(tenant).bind(client_id).bind(name);
    query.fetch_optional(db.pool()).await?.as_ref().map(connection).transpose()
}

static FIRST_FOR_CLIENT: Statement = Statement::new(
    "connections.first_for_client",
    concat!(connection!(), for_client!(), "\n      order by c.created_at, c.name\n      limit 1"),
);

pub(crate) async fn first_for_client(
    db: &Db,
    tenant: &str,
    client_id: &str,
) -> Result<Option<Connection>, Error> {
    let query = FIRST_FOR_CLIENT.query().bind(tenant).bind(client_id);
    query.fetch_optional(db.pool()).await?.as_ref().map(connection).transpose()
}

/// A connection with its secrets still sealed.
pub(crate) struct Stored {
    pub connection_id: String,
    pub name: String,
    pub strategy: String,
    pub options: Value,
    pub secrets: Option<Vec<u8>>,
    pub settings: Map<String, Value>,
    pub enabled_clients: Option<Vec<String>>,
    pub etag: String,
}

/// Is a client `$e` of tenant $1 another one than the global one? Asked of its id, without a look at its document.
macro_rules! is_not_global {
    ($e:literal) => {
        concat!(
            $e,
            ".client_id is distinct from (select g.client_id from clients g where g.tenant_id = $1 and g.settings -> 'global' = 'true')"
        )
    };
}

/// The ids of all clients that may use a connection `s`.
macro_rules! clients {
    () => {
        concat!(
            "case when s.for_all_clients
                  then array(select e.client_id from clients e
                               where e.tenant_id = $1 and ",
            is_not_global!("e"),
            " order by e.client_id)
                  else array(select k.client_id from connection_clients k
                              where k.tenant_id = s.tenant_id and k.connection_id = s.connection_id
                              order by k.client_id) end"
        )
    };
}

/// What makes a [`Stored`], of a table or CTE `s`; `$clients` are the ids of its clients.
macro_rules! stored {
    ($clients:expr) => {
        concat!(
            "s.connection_id, s.name, s.strategy, s.options, s.secrets, s.settings, ",
            $clients,
            " as enabled_clients, ",
            etag!("s"),
            " as etag"
        )
    };
}

fn stored(row: &PgRow) -> Result<Option<Stored>, sqlx::Error> {
    let Some(connection_id) = row.try_get("connection_id")? else { return Ok(None) };
    Ok(Some(Stored {
        connection_id,
        name: row.try_get("name")?,
        strategy: row.try_get("strategy")?,
        options: row.try_get("options")?,
        secrets: row.try_get("secrets")?,
        settings: row.try_get::<Json<_>, _>("settings")?.0,
        enabled_clients: row.try_get("enabled_clients")?,
        etag: format!("\"{}\"", row.try_get::<&str, _>("etag")?),
    }))
}

/// What the journal tells of a connection `$c`: all but its secrets and its clients.
macro_rules! told {
    ($name:literal, $strategy:literal, $options:literal, $settings:literal) => {
        concat!(
            "jsonb_build_object('name', ",
            $name,
            ", 'strategy', ",
            $strategy,
            ", 'options', ",
            $options,
            ") || ",
            $settings
        )
    };
}

/// What the journal tells of clients, out of two queries: by their ids, enabled `after` and enabled `before`.
macro_rules! clients_told {
    ($after:literal, $before:literal) => {
        concat!(
            "coalesce((select jsonb_build_object('enabled_clients', jsonb_object_agg(t.client_id, t.change))
                                from (select client_id, '{\"after\": true}'::jsonb as change from (",
            $after,
            ") a
                                      union all
                                      select client_id, '{\"before\": true}' from (",
            $before,
            ") b) t
                              having count(*) > 0), '{}')"
        )
    };
}

/// That secrets were changed, if they were.
macro_rules! secrets_told {
    ($change:literal, $condition:literal) => {
        concat!("case when ", $condition, " then '{\"secrets\": ", $change, "}' else '{}' end::jsonb")
    };
}

static CREATE: Statement = Statement::new(
    "connections.create",
    concat!(
        "with created as (
             insert into connections (tenant_id, connection_id, name, strategy, options, secrets, settings)
             values ($1, $2, $3, $4, $5, $6, $7)
          returning *
         ), enabled as (
             insert into connection_clients (tenant_id, connection_id, client_id)
             select distinct tenant_id, connection_id, client.id
               from created, unnest($8::text[]) as client(id)
          returning client_id
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'connection.created', connection_id, journal_changes(null, ",
        told!("name", "strategy", "options", "settings"),
        ") || ",
        clients_told!("select client_id from enabled", "select client_id from enabled where false"),
        " || ",
        secrets_told!("{\"after\": \"*****\"}", "secrets is not null"),
        ", ",
        author!("$9::text[]"),
        "
               from created
         )
         select ",
        stored!("array(select client_id from enabled order by client_id)"),
        "
           from created s"
    ),
);

/// What keeps a new connection from inheriting the users of one that is gone.
pub(crate) const NAME_IN_DELETION: (&str, Meaning) =
    ("connection_deletions_name", codes::CONNECTION_BEING_DELETED);

pub(crate) async fn create(
    db: &Db,
    tenant: &str,
    id: &str,
    new: &NewConnection,
    secrets: Option<&[u8]>,
    author: &Author,
) -> Result<Stored, Error> {
    let query = CREATE.query().bind(tenant).bind(id).bind(&new.name).bind(&new.strategy).bind(&new.options);
    let query = query.bind(secrets).bind(Json(&new.settings)).bind(&new.enabled_clients).bind(author.entry());
    let row = query.fetch_one(db.pool()).await.map_err(|e| {
        db::refusal(
            e,
            &[
                NAME_IN_DELETION,
                ("connections_name_key", codes::CONNECTION_EXISTS),
                ("connection_clients_client_fkey", codes::INEXISTENT_CLIENT),
            ],
        )
    })?;
    stored(&row)?.ok_or_else(|| sqlx::Error::RowNotFound.into())
}

static FETCH: Statement = Statement::new(
    "connections.fetch",
    concat!(
        "select ",
        stored!(clients!()),
        "
       from connections s
      where s.tenant_id = $1
        and s.connection_id = $2"
    ),
);

pub(crate) async fn fetch(db: &Db, tenant: &str, id: &str) -> Result<Option<Stored>, Error> {
    let row = FETCH.query().bind(tenant).bind(id).fetch_optional(db.pool()).await?;
    Ok(row.as_ref().map(stored).transpose()?.flatten())
}

/// Which connections are listed, of a table `$c`.
macro_rules! listed {
    ($c:literal) => {
        concat!(
            $c,
            ".tenant_id = $1
                and ($2::text is null or ",
            $c,
            ".name = $2)
                and ($3::text[] = '{}' or ",
            $c,
            ".strategy = any($3))
                and ($4::text is null or ",
            is_of_client!("c", "$4"),
            ")"
        )
    };
}

static LIST: Statement = Statement::new(
    "connections.list",
    concat!(
        "select case when $8 then (select count(*) from connections c where ",
        listed!("c"),
        ") end as total,
            ",
        stored!(concat!("case when $9 then ", clients!(), " end")),
        "
       from (values (1)) one
       left join lateral (select *
                            from connections c
                           where ",
        listed!("c"),
        "
                             and ($5::text is null or c.name > $5)
                           order by c.name
                           limit $6
                          offset $7) s on true
      order by s.name"
    ),
);

/// One more than a checkpoint asks for is looked at, to know whether anything follows. How many there are in all is told
/// of every numbered page.
pub(crate) async fn list(
    db: &Db,
    tenant: &str,
    filter: &Filter,
    with_clients: bool,
    page: &Page,
) -> Result<List<Stored>, Error> {
    let query = LIST.query().bind(tenant).bind(&filter.name).bind(&filter.strategies).bind(&filter.client_id);
    let query = query
        .bind(page.from())
        .bind(page.fetched())
        .bind(page.start())
        .bind(matches!(page, Page::Offset { .. }))
        .bind(with_clients);
    let rows = query.fetch_all(db.pool()).await?;
    let mut list = List { items: Vec::with_capacity(rows.len()), total: None, next: None };
    for row in &rows {
        list.total = row.try_get("total")?;
        list.items.extend(stored(row)?);
    }
    list.end_at(page.limit(), |connection| connection.name.clone());
    Ok(list)
}

/// What holds everybody else off a connection while its clients are changed: a statement that waited would not see which
/// clients it has by now.
static LOCK: Statement = Statement::new(
    "connections.lock",
    "select strategy from connections where tenant_id = $1 and connection_id = $2 for update",
);

/// Begins a change of a connection, unless there is none; its strategy.
pub(crate) async fn begin_change(db: &Db, tenant: &str, id: &str) -> Result<Option<(Tx, String)>, Error> {
    let mut tx = db.begin().await?;
    let row = LOCK.query().bind(tenant).bind(id).fetch_optional(&mut *tx).await?;
    Ok(row.map(|row| row.try_get("strategy")).transpose()?.map(|strategy| (tx, strategy)))
}

static UPDATE: Statement = Statement::new(
    "connections.update",
    concat!(
        "with before as (
             select *, ",
        etag!("c"),
        " as tag
               from connections c
              where tenant_id = $1
                and connection_id = $2
         ), changed as (
             update connections c
                set options = coalesce($3::jsonb, b.options),
                    secrets = case when $3 is null then b.secrets else $4::bytea end,
                    settings = b.settings || $5::jsonb,
                    for_all_clients = b.for_all_clients and $6::text[] is null,
                    version = b.version + 1,
                    updated_at = clock_timestamp()
               from before b
              where c.tenant_id = b.tenant_id
                and c.connection_id = b.connection_id
                and ($7::text[] is null or b.tag = any($7))
          returning c.*, b.options as old_options, b.settings as old_settings, b.secrets as old_secrets,
                    b.for_all_clients as was_for_all
         ), disabled as (
             delete from connection_clients k
              using changed c
              where k.tenant_id = c.tenant_id
                and k.connection_id = c.connection_id
                and k.client_id <> all($6)
          returning k.client_id
         ), enabled as (
             insert into connection_clients (tenant_id, connection_id, client_id)
             select distinct c.tenant_id, c.connection_id, client.id
               from changed c, unnest($6) as client(id)
                 on conflict do nothing
          returning client_id
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'connection.updated', connection_id, coalesce(journal_changes(",
        told!("name", "strategy", "old_options", "old_settings"),
        ", ",
        told!("name", "strategy", "options", "settings"),
        "), '{}') || ",
        clients_told!("select client_id from enabled", "select client_id from disabled"),
        " || case when was_for_all and not for_all_clients then '{\"for_all_clients\": {\"before\": true, \"after\": false}}' else '{}' end::jsonb || ",
        secrets_told!(
            "{\"before\": \"*****\", \"after\": \"*****\"}",
            "$3 is not null and (secrets is not null or old_secrets is not null)"
        ),
        ", ",
        author!("$8::text[]"),
        "
               from changed
         )
         select b.tag, ",
        stored!(concat!(
            "case when $6 is null then ",
            clients!(),
            " else array(select distinct id from unnest($6) as client(id) order by id) end"
        )),
        "
           from before b
           left join changed s on true"
    ),
);

/// What of a connection to change.
pub(crate) struct Change<'a> {
    /// Options, with what hides in them sealed.
    pub options: Option<(Value, Option<Vec<u8>>)>,
    pub settings: &'a Map<String, Value>,
    pub enabled_clients: Option<&'a [String]>,
    pub if_match: Option<&'a [String]>,
}

/// Changes the connection that a transaction has locked, and ends it. The present tag if it is not the one named.
pub(crate) async fn update(
    mut tx: Tx,
    tenant: &str,
    id: &str,
    change: &Change<'_>,
    author: &Author,
) -> Result<Result<Stored, String>, Error> {
    let query = UPDATE.query().bind(tenant).bind(id);
    let query = query.bind(change.options.as_ref().map(|(options, _)| options));
    let query = query.bind(change.options.as_ref().and_then(|(_, secrets)| secrets.as_deref()));
    let query = query.bind(Json(change.settings)).bind(change.enabled_clients).bind(change.if_match);
    let row = query.bind(author.entry()).fetch_one(&mut *tx).await;
    let row =
        row.map_err(|e| db::refusal(e, &[("connection_clients_client_fkey", codes::INEXISTENT_CLIENT)]))?;
    tx.commit().await?;
    Ok(stored(&row)?.ok_or(format!("\"{}\"", row.try_get::<&str, _>("tag")?)))
}

static DELETE: Statement = Statement::new(
    "connections.delete",
    concat!(
        "with deleted as (
             delete from connections
              where tenant_id = $1
                and connection_id = $2
          returning *
         ), pending as (
             insert into connection_deletions (tenant_id, connection_id, name, author, deleted_at, due_at)
             select tenant_id, connection_id, name, $4::text[], $3, $3
               from deleted
          returning deleted_at
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'connection.deleted', connection_id, journal_changes(",
        told!("name", "strategy", "options", "settings"),
        ", null) || ",
        secrets_told!("{\"before\": \"*****\"}", "secrets is not null"),
        ", ",
        author!("$4::text[]"),
        "
               from deleted
         )
         select deleted_at from pending
          union all
         select d.deleted_at
           from connection_deletions d
          where d.tenant_id = $1
            and d.connection_id = $2
            and exists (select from identities i where i.tenant_id = d.tenant_id and i.connection = d.name)
            and not exists (select from connections n where n.tenant_id = d.tenant_id and n.name = d.name)"
    ),
);

/// Deletes a connection and lets its users be erased. When that began; `None` if there is nothing to delete.
pub(crate) async fn delete(
    db: &Db,
    tenant: &str,
    id: &str,
    now: OffsetDateTime,
    author: &Author,
) -> Result<Option<OffsetDateTime>, Error> {
    let query = DELETE.query().bind(tenant).bind(id).bind(now).bind(author.entry());
    Ok(query.fetch_optional(db.pool()).await?.map(|row| row.try_get("deleted_at")).transpose()?)
}

static CLIENTS: Statement = Statement::new(
    "connections.clients",
    concat!(
        "select k.client_id
       from connections c
       left join lateral (
            select * from (select e.client_id from clients e
                            where e.tenant_id = $1 and ",
        is_not_global!("e"),
        " and c.for_all_clients and ($3::text is null or e.client_id > $3)
                            order by e.client_id limit $4) every_one
             union all
            select * from (select k.client_id from connection_clients k
                            where k.tenant_id = $1 and k.connection_id = $2 and not c.for_all_clients and ($3 is null or k.client_id > $3)
                            order by k.client_id limit $4) those
            ) k on true
      where c.tenant_id = $1
        and c.connection_id = $2
      order by k.client_id"
    ),
);

/// The ids of the clients that may use a connection; `None` if there is none.
pub(crate) async fn clients(
    db: &Db,
    tenant: &str,
    id: &str,
    page: &Page,
) -> Result<Option<List<String>>, Error> {
    let from = if let Page::Checkpoint { from, .. } = page { from.as_deref() } else { None };
    let query = CLIENTS.query().bind(tenant).bind(id).bind(from).bind(page.limit() + 1);
    let rows = query.fetch_all(db.pool()).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let ids: Vec<Option<String>> =
        rows.iter().map(|row| row.try_get("client_id")).collect::<Result<_, _>>()?;
    let mut list = List { items: ids.into_iter().flatten().collect(), ..List::default() };
    list.end_at(page.limit(), String::clone);
    Ok(Some(list))
}

// Of a connection that all clients may use, those that are not disabled become the ones that may.
static SET_CLIENTS: Statement = Statement::new(
    "connections.set_clients",
    concat!(
        "with missing as (
             select from unnest($3::text[] || $4::text[]) as named(id)
              where not exists (select from clients e where e.tenant_id = $1 and e.client_id = named.id and ",
        is_not_global!("e"),
        ")
         ), before as (
             select *, for_all_clients and cardinality($4) > 0 as ends_for_all
               from connections
              where tenant_id = $1
                and connection_id = $2
                and not exists (select from missing)
         ), enabled as (
             insert into connection_clients (tenant_id, connection_id, client_id)
             select b.tenant_id, b.connection_id, named.id
               from before b, unnest($3) as named(id)
              where not b.for_all_clients
              union all
             select b.tenant_id, b.connection_id, e.client_id
               from before b, clients e
              where b.ends_for_all
                and e.tenant_id = $1
                and ",
        is_not_global!("e"),
        "
                and e.client_id <> all($4)
                 on conflict do nothing
          returning client_id
         ), disabled as (
             delete from connection_clients k
              using before b
              where k.tenant_id = b.tenant_id
                and k.connection_id = b.connection_id
                and k.client_id = any($4)
          returning k.client_id
         ), changed as (
             update connections c
                set for_all_clients = c.for_all_clients and not b.ends_for_all,
                    version = c.version + 1,
                    updated_at = clock_timestamp()
               from before b
              where c.tenant_id = b.tenant_id
                and c.connection_id = b.connection_id
                and (b.ends_for_all or exists (select from enabled) or exists (select from disabled))
          returning c.tenant_id, c.connection_id, b.ends_for_all
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'connection.updated', connection_id, ",
        clients_told!(
            "select client_id from enabled where not ends_for_all",
            "select client_id from disabled where not ends_for_all union all select named.id from unnest($4) as named(id) where ends_for_all"
        ),
        ", ",
        author!("$5::text[]"),
        "
               from changed
         )
         select exists (select from missing) as is_missing"
    ),
);

/// Enables and disables the connection that a transaction has locked for clients, and ends it; whether all of them are
/// there.
pub(crate) async fn set_clients(
    mut tx: Tx,
    tenant: &str,
    id: &str,
    patch: &ClientsPatch,
    author: &Author,
) -> Result<bool, Error> {
    let query = SET_CLIENTS.query().bind(tenant).bind(id).bind(&patch.enable).bind(&patch.disable);
    let row = query.bind(author.entry()).fetch_one(&mut *tx).await;
    let row =
        row.map_err(|e| db::refusal(e, &[("connection_clients_client_fkey", codes::UNKNOWN_CLIENT)]))?;
    tx.commit().await?;
    Ok(!row.try_get::<bool, _>("is_missing")?)
}

/// Takes a client that a statement deletes out of every connection, each with its journal row: two CTEs after
/// `deleted`. `$author` is the array that the deletion's own entry is made of. The connections themselves are not locked:
/// whoever has locked one may be waiting for the client.
macro_rules! disable_client {
    ($author:literal) => {
        concat!(
            "disabled as (
             delete from connection_clients k
              using deleted d
              where k.tenant_id = d.tenant_id
                and k.client_id = d.client_id
          returning k.*
         ), disabled_entries as (
             ",
            insert_journal!(),
            "
             select tenant_id, 'connection.updated', connection_id,
                    jsonb_build_object('enabled_clients', jsonb_build_object(client_id, '{\"before\": true}'::jsonb)), ",
            author!($author),
            "
               from disabled
         )"
        )
    };
}
pub(crate) use disable_client;
