use sqlx::Row;

use crate::base::error::Error;
use crate::db::{Db, Statement};
use crate::journal::{Author, author, insert_journal};
use crate::resources::logins::store::{forget_attempts, lapsed, limit};

pub(crate) const STATEMENTS: &[&Statement] = &[&OF_USER, &OF_IDENTIFIER, &LIFT_BY_USER, &LIFT_BY_IDENTIFIER];

/// The accounts that an identifier ($2) may mean, as a CTE; see `login_attempts` for `-`.
macro_rules! accounts_of_identifier {
    () => {
        "with accounts as (
             select '-' || $2::text as account
             union
             select i.user_id from identities i where i.tenant_id = $1 and i.email = $2
             union
             select i.user_id from identities i where i.tenant_id = $1 and i.username = $2
             union
             select i.user_id from identities i where i.tenant_id = $1 and i.phone_number = $2
         )"
    };
}

macro_rules! accounts_of_user {
    () => {
        "with accounts as (
             select u.user_id as account from users u where u.tenant_id = $1 and u.user_id = $2
         )"
    };
}

/// The blocks of `accounts`, as JSON.
macro_rules! blocks {
    () => {
        concat!(
            "
         select (select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('identifier', a.identifier, 'ip', nullif(a.ip, ''), 'connection', a.connection))
                                           order by a.connection, a.ip), '[]')::text
                   from accounts
                   join login_attempts a on a.tenant_id = $1 and a.account = accounts.account
                  where a.count >= ",
            limit!(),
            "
                    and not (",
            lapsed!(),
            ")
                    and (not $3::boolean
                         or exists (select from connections c
                                     where c.tenant_id = $1
                                       and c.name = a.connection
                                       and c.options -> 'brute_force_protection' = 'true'))) as blocks
          where exists (select from accounts)"
        )
    };
}

static OF_USER: Statement = Statement::new("user_blocks.of_user", concat!(accounts_of_user!(), blocks!()));

pub(crate) async fn of_user(
    db: &Db,
    tenant: &str,
    user_id: &str,
    only_where_enabled: bool,
) -> Result<Option<String>, Error> {
    let query = OF_USER.query().bind(tenant).bind(user_id).bind(only_where_enabled);
    Ok(query.fetch_optional(db.pool()).await?.map(|row| row.try_get("blocks")).transpose()?)
}

static OF_IDENTIFIER: Statement =
    Statement::new("user_blocks.of_identifier", concat!(accounts_of_identifier!(), blocks!()));

pub(crate) async fn of_identifier(
    db: &Db,
    tenant: &str,
    identifier: &str,
    only_where_enabled: bool,
) -> Result<String, Error> {
    let query = OF_IDENTIFIER.query().bind(tenant).bind(identifier).bind(only_where_enabled);
    Ok(query.fetch_one(db.pool()).await?.try_get("blocks")?)
}

macro_rules! lift {
    () => {
        concat!(
            ", ",
            forget_attempts!("select account from accounts"),
            ", journal_entry as (
             ",
            insert_journal!(),
            "
             select $1, 'user.unblocked', min(account), jsonb_build_object('accounts', jsonb_agg(distinct account)), ",
            author!("$3::text[]"),
            "
               from forgotten
             having count(*) > 0
         )
         select exists (select from accounts) as found"
        )
    };
}

static LIFT_BY_USER: Statement =
    Statement::new("user_blocks.lift_by_user", concat!(accounts_of_user!(), lift!()));

/// Is there such a user?
pub(crate) async fn lift_by_user(
    db: &Db,
    tenant: &str,
    user_id: &str,
    author: &Author,
) -> Result<bool, Error> {
    let query = LIFT_BY_USER.query().bind(tenant).bind(user_id).bind(author.entry());
    Ok(query.fetch_one(db.pool()).await?.try_get("found")?)
}

static LIFT_BY_IDENTIFIER: Statement =
    Statement::new("user_blocks.lift_by_identifier", concat!(accounts_of_identifier!(), lift!()));

pub(crate) async fn lift_by_identifier(
    db: &Db,
    tenant: &str,
    identifier: &str,
    author: &Author,
) -> Result<(), Error> {
    LIFT_BY_IDENTIFIER.query().bind(tenant).bind(identifier).bind(author.entry()).execute(db.pool()).await?;
    Ok(())
}
