//! `access_tokens`, the opaque tokens for `/userinfo`: read only. `logins` inserts them with the login.

use time::OffsetDateTime;

use crate::base::error::Error;
use crate::db::{Db, Statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&FETCH_TOKEN];

static FETCH_TOKEN: Statement = Statement::new("userinfo.fetch_token", include_str!("sql/fetch_token.sql"));

/// The user id, the scope and the time of issue of an unexpired token.
pub(crate) async fn fetch_token(
    db: &Db,
    tenant: &str,
    digest: &[u8; 32],
) -> Result<Option<(String, String, OffsetDateTime)>, Error> {
    Ok(FETCH_TOKEN.bind("tenant_id", tenant).bind("digest", digest.as_slice()).fetch_optional(db).await?)
}
