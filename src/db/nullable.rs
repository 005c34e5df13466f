//! Rows of outer joins.

use sqlx::FromRow;
use sqlx::error::UnexpectedNullError;
use sqlx::postgres::PgRow;

/// The columns of the nullable side of an outer join: `None` where a column that `T` requires is null.
pub(crate) struct Nullable<T>(pub(crate) Option<T>);

impl<'r, T: FromRow<'r, PgRow>> FromRow<'r, PgRow> for Nullable<T> {
    fn from_row(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        match T::from_row(row) {
            Ok(columns) => Ok(Self(Some(columns))),
            Err(sqlx::Error::ColumnDecode { source, .. }) if source.is::<UnexpectedNullError>() => {
                Ok(Self(None))
            }
            Err(error) => Err(error),
        }
    }
}
