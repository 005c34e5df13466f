//! A statement with a name and a file, so that tests can check all of them.
//!
//! The text of a statement is the file `sql/{verb}.sql` beside its store. It begins with comment lines: what the
//! statement does, then one line for each parameter, `-- $1 tenant_id text: a remark`. The type is the one that is
//! bound. [`Query::bind`] names the parameter, so that a value bound to another parameter fails in a test.

use sqlx::postgres::{PgArguments, PgQueryResult, PgRow, Postgres};
use sqlx::{Encode, FromRow, PgConnection, Type};

use super::session::Session;

/// A SQL statement.
#[derive(Debug)]
pub struct Statement {
    /// `resource.verb`.
    pub name: &'static str,
    /// The text. It mentions `tenant_id` unless [`Statement::global`] made it.
    pub sql: &'static str,
    /// Does it work without a tenant?
    pub is_global: bool,
}

/// A parameter, as the file of its statement declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// The SQL type that is bound, such as `text[]`.
    pub sql_type: &'static str,
}

impl Statement {
    /// A statement of one tenant, or of a batch of requests that each name theirs.
    pub const fn new(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql, is_global: false }
    }

    /// A statement that finds a tenant, or concerns all of them.
    pub const fn global(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql, is_global: true }
    }

    /// The parameters, in the order of their numbers.
    pub fn parameters(&self) -> impl Iterator<Item = Parameter> {
        let declarations = self.sql.lines().filter_map(|line| line.strip_prefix("-- $"));
        declarations.filter_map(|declaration| {
            let declaration = declaration.split(": ").next()?;
            let mut words = declaration.split_whitespace().skip(1);
            Some(Parameter { name: words.next()?, sql_type: words.next()? })
        })
    }

    /// The statement without bound values.
    pub fn query<'q>(&'static self) -> Query<'q> {
        Query { statement: self, bound: 0, inner: sqlx::query(self.sql) }
    }

    /// The statement with a value for `$1`.
    pub fn bind<'q, T: 'q + Encode<'q, Postgres> + Type<Postgres>>(
        &'static self,
        name: &'static str,
        value: T,
    ) -> Query<'q> {
        self.query().bind(name, value)
    }
}

/// A statement with bound values.
pub struct Query<'q> {
    statement: &'static Statement,
    bound: usize,
    inner: sqlx::query::Query<'q, Postgres, PgArguments>,
}

impl<'q> Query<'q> {
    /// Binds the next parameter. In debug builds its name and type are compared with the statement's file.
    pub fn bind<T: 'q + Encode<'q, Postgres> + Type<Postgres>>(
        mut self,
        name: &'static str,
        value: T,
    ) -> Self {
        if cfg!(debug_assertions) {
            let declared = self.statement.parameters().nth(self.bound);
            assert_eq!(
                declared.map(|p| (p.name, canonical(p.sql_type))),
                Some((name, T::type_info().to_string())),
                "parameter ${} of {}",
                self.bound + 1,
                self.statement.name
            );
        }
        self.bound += 1;
        self.inner = self.inner.bind(value);
        self
    }

    fn complete(self) -> sqlx::query::Query<'q, Postgres, PgArguments> {
        debug_assert_eq!(self.bound, self.statement.parameters().count(), "{}", self.statement.name);
        self.inner
    }

    /// Runs the statement; the number of rows is in the result.
    pub(crate) async fn execute(self, session: impl Into<Session<'_>>) -> Result<PgQueryResult, sqlx::Error> {
        let query = self.complete();
        session.into().run(async |connection: &mut PgConnection| query.execute(connection).await).await
    }

    /// The only row.
    pub(crate) async fn fetch_one<R: Row>(self, session: impl Into<Session<'_>>) -> Result<R, sqlx::Error> {
        let query = self.complete();
        let row = session.into().run(async |connection: &mut PgConnection| query.fetch_one(connection).await);
        R::from_row(&row.await?)
    }

    /// The only row, if there is one.
    pub(crate) async fn fetch_optional<R: Row>(
        self,
        session: impl Into<Session<'_>>,
    ) -> Result<Option<R>, sqlx::Error> {
        let query = self.complete();
        let row =
            session.into().run(async |connection: &mut PgConnection| query.fetch_optional(connection).await);
        row.await?.as_ref().map(R::from_row).transpose()
    }

    /// All rows.
    pub(crate) async fn fetch_all<R: Row>(
        self,
        session: impl Into<Session<'_>>,
    ) -> Result<Vec<R>, sqlx::Error> {
        let query = self.complete();
        let rows =
            session.into().run(async |connection: &mut PgConnection| query.fetch_all(connection).await);
        rows.await?.iter().map(R::from_row).collect()
    }
}

/// A type that a row of any lifetime maps to.
pub(crate) trait Row: for<'r> FromRow<'r, PgRow> {}

impl<T: for<'r> FromRow<'r, PgRow>> Row for T {}

/// The name of a type as the driver writes it.
fn canonical(sql_type: &str) -> String {
    let (element, array) = sql_type.strip_suffix("[]").map_or((sql_type, ""), |element| (element, "[]"));
    let name = match element {
        "bigint" => "INT8".to_owned(),
        "integer" => "INT4".to_owned(),
        "boolean" => "BOOL".to_owned(),
        other => other.to_uppercase(),
    };
    name + array
}
