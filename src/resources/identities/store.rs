use sqlx::Row;
use time::OffsetDateTime;

use crate::base::error::Error;
use crate::base::ids::UserId;
use crate::db::{Db, Statement};
use crate::journal::{Author, author, insert_journal};
use crate::resources::users::model::OF_PROFILE_DATA;
use crate::resources::users::store::changes;

pub(crate) const STATEMENTS: &[&Statement] = &[&LINK, &UNLINK];

/// The identities of a user, each with its `profileData`; the primary's is what its profile was given.
macro_rules! answer {
    ($identities:literal, $profile:literal, $names:literal) => {
        concat!(
            "jsonb_set(",
            $identities,
            ", '{0,profileData}', (select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(",
            $profile,
            ") where key = any(",
            $names,
            "::text[])))"
        )
    };
}

// What is in the locked rows decides, not the table of identities as it was when the statement began: an identity that
// was linked to the secondary while its row was waited for moves along too, before the secondary is deleted.
static LINK: Statement = Statement::new(
    "identities.link",
    concat!(
        "with locked as (
             select u.*
               from users u
              where u.tenant_id = $1
                and u.user_id in ($2, $3)
              order by u.user_id
                for update
         ), pair as (
             select a.user_id,
                    a.identities as old_identities,
                    b.user_id as merged_id,
                    b.identities as merged_identities,
                    ",
        answer!("b.identities", "b.profile", "$7"),
        " as added
               from locked a
               join locked b on b.user_id = $3 and b.profile -> 'blocked' is distinct from 'true'
              where a.user_id = $2
                and ($6::text is null
                     or exists (select from connections c
                                 where c.tenant_id = $1 and c.connection_id = $6 and c.name = b.identities -> 0 ->> 'connection'))
         ), linked as (
             update users u
                set identities = u.identities || p.added,
                    version = u.version + 1,
                    updated_at = clock_timestamp()
               from pair p
              where u.tenant_id = $1
                and u.user_id = p.user_id
          returning u.tenant_id, u.user_id, u.profile, u.identities, p.old_identities
         ), moved as (
             update identities i
                set user_id = p.user_id
               from pair p,
                    jsonb_to_recordset(p.merged_identities) as m(provider text, user_id text)
              where i.tenant_id = $1
                and i.provider = m.provider
                and i.identity_id = m.user_id
         ), merged as (
             delete from users u
              using pair p
              where u.tenant_id = $1
                and u.user_id = p.merged_id
          returning u.tenant_id, u.user_id, u.identities, p.user_id as primary_id,
                    u.profile as old_profile, u.user_metadata as old_user_metadata, u.app_metadata as old_app_metadata,
                    null::jsonb as profile, null::jsonb as user_metadata, null::jsonb as app_metadata
         ), linked_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'user.linked', user_id,
                    jsonb_build_object('identities', jsonb_build_object('before', old_identities, 'after', identities)), ",
        author!("$8::text[]"),
        "
               from linked
         ), merged_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'user.merged', user_id, ",
        changes!(),
        "
                    || jsonb_build_object('identities', jsonb_build_object('before', identities),
                                          'user_id', jsonb_build_object('before', user_id, 'after', primary_id)), ",
        author!("$9::text[]"),
        "
               from merged
         )
         select exists (select from locked where user_id = $2) as has_primary,
                exists (select from locked where user_id = $3 and profile -> 'blocked' = 'true') as is_blocked,
                exists (select from connections c
                         where c.tenant_id = $1 and c.strategy = $4 and ($6::text is null or c.connection_id = $6)) as is_configured,
                exists (select from identities i
                         where i.tenant_id = $1 and i.provider = $4 and i.identity_id = $5
                           and i.user_id not in (select user_id from locked where user_id = $3)) as is_taken,
                (select ",
        answer!("identities", "profile", "$7"),
        "::text from linked) as identities"
    ),
);

/// What linking came to.
#[derive(Debug)]
pub(crate) struct Linked {
    /// Was there a user to link to?
    pub has_primary: bool,
    /// Is the other user blocked?
    pub is_blocked: bool,
    /// Is there a connection of this provider (and id, if one was named)?
    pub is_configured: bool,
    /// Does the identity belong to a user as a secondary one already?
    pub is_taken: bool,
    /// JSON text; `None` if nothing was linked.
    pub identities: Option<String>,
}

pub(crate) async fn link(
    db: &Db,
    tenant: &str,
    primary: &UserId,
    secondary: &UserId,
    connection_id: Option<&str>,
    author: &Author,
) -> Result<Linked, Error> {
    let row = LINK
        .query()
        .bind(tenant)
        .bind(primary.as_str())
        .bind(secondary.as_str())
        .bind(secondary.provider())
        .bind(secondary.identity())
        .bind(connection_id)
        .bind(OF_PROFILE_DATA)
        .bind(author.entry())
        .bind(author.entry())
        .fetch_one(db.pool())
        .await?;
    Ok(Linked {
        has_primary: row.try_get("has_primary")?,
        is_blocked: row.try_get("is_blocked")?,
        is_configured: row.try_get("is_configured")?,
        is_taken: row.try_get("is_taken")?,
        identities: row.try_get("identities")?,
    })
}

static UNLINK: Statement = Statement::new(
    "identities.unlink",
    concat!(
        "with before as (
             select u.*
               from users u
              where u.tenant_id = $1
                and u.user_id = $2
                for update
         ), secondary as (
             select b.user_id, b.profile -> 'blocked' as blocked, b.identities as old_identities, i.identity, (i.place - 1)::int as place
               from before b,
                    jsonb_array_elements(b.identities) with ordinality as i(identity, place)
              where i.place > 1
                and i.identity ->> 'provider' = $3
                and i.identity ->> 'user_id' = $4
         ), unlinked as (
             update users u
                set identities = u.identities - s.place,
                    version = u.version + 1,
                    updated_at = clock_timestamp()
               from secondary s
              where u.tenant_id = $1
                and u.user_id = s.user_id
          returning u.tenant_id, u.user_id, u.identities, s.old_identities
         ), separated as (
             insert into users (tenant_id, user_id, profile, identities, created_at, updated_at)
             select $1, $3 || '|' || $4, (s.identity -> 'profileData') || case when s.blocked = 'true' then '{\"blocked\": true}' else '{}' end::jsonb,
                    jsonb_build_array(s.identity - 'profileData'), $5, $5
               from secondary s
          returning tenant_id, user_id, profile, identities
         ), moved as (
             update identities i
                set user_id = p.user_id
               from separated p
              where i.tenant_id = p.tenant_id
                and i.provider = $3
                and i.identity_id = $4
         ), unlinked_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'user.unlinked', user_id,
                    jsonb_build_object('identities', jsonb_build_object('before', old_identities, 'after', identities)), ",
        author!("$7::text[]"),
        "
               from unlinked
         ), separated_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'user.separated', user_id,
                    journal_changes(null, profile)
                    || jsonb_build_object('identities', jsonb_build_object('after', identities),
                                          'user_id', jsonb_build_object('before', $2, 'after', user_id)), ",
        author!("$8::text[]"),
        "
               from separated
         )
         select u.user_id is not null as is_done,
                ",
        answer!("coalesce(u.identities, b.identities)", "b.profile", "$6"),
        "::text as identities
           from before b
           left join unlinked u on true"
    ),
);

/// What unlinking came to.
#[derive(Debug)]
pub(crate) struct Unlinked {
    /// Was the identity there?
    pub is_done: bool,
    /// JSON text.
    pub identities: String,
}

/// `None` if there is no such user.
pub(crate) async fn unlink(
    db: &Db,
    tenant: &str,
    primary: &UserId,
    provider: &str,
    identity: &str,
    now: OffsetDateTime,
    author: &Author,
) -> Result<Option<Unlinked>, Error> {
    let row = UNLINK
        .query()
        .bind(tenant)
        .bind(primary.as_str())
        .bind(provider)
        .bind(identity)
        .bind(now)
        .bind(OF_PROFILE_DATA)
        .bind(author.entry())
        .bind(author.entry())
        .fetch_optional(db.pool())
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Unlinked { is_done: row.try_get("is_done")?, identities: row.try_get("identities")? }))
}
