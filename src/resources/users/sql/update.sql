-- Changes the attributes and metadata of users: a row for each request. A row that another transaction
-- changes is waited for; users.update_many passes over it and is otherwise the same.
-- The journal's differences look at the keys of the patch alone. `|| '{}'` reads a stored document once, not
-- once a key.
-- $1 tenant_id text[]
-- $2 user_id text[]
-- $3 set_profile text[]: attributes to set, a JSON object each
-- $4 unset_profile text[]: attributes to remove, an array literal each
-- $5 user_metadata_patch text[]: JSON to merge, or null
-- $6 app_metadata_patch text[]: JSON to merge, or null
-- $7 if_match text[]: entity tags, an array literal each; null without a precondition
-- $8 author text[]: a journal_author each
-- $9 max_metadata_bytes bigint[]: the limit of each metadata field after the merge
-- $10 issued_at timestamptz[]: of the user's own token, which has to be valid; null for any other caller
with patch as (
    select p.tenant_id,
           p.user_id,
           p.n,
           p.set_profile::jsonb,
           p.unset_profile::text[],
           p.user_metadata_patch::jsonb,
           p.app_metadata_patch::jsonb,
           p.if_match::text[],
           p.author::journal_author,
           p.max_metadata_bytes,
           p.issued_at
      from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                  $9::bigint[], $10::timestamptz[])
      with ordinality as p(
               tenant_id, user_id, set_profile, unset_profile,
               user_metadata_patch, app_metadata_patch, if_match, author, max_metadata_bytes, issued_at, n)
), before as (
    select u.*,
           p.n,
           p.set_profile,
           p.unset_profile,
           p.user_metadata_patch,
           p.app_metadata_patch,
           p.if_match,
           p.author,
           p.max_metadata_bytes,
           case when p.user_metadata_patch is null then u.user_metadata
                else merge_metadata(u.user_metadata, p.user_metadata_patch) end as new_user_metadata,
           case when p.app_metadata_patch is null then u.app_metadata
                else nullif(merge_metadata(u.app_metadata, p.app_metadata_patch), '{}') end as new_app_metadata
      from patch p
      join users u
        on u.tenant_id = p.tenant_id
       and u.user_id = p.user_id
       and token_is_valid(p.issued_at, u.profile, u.created_at, u.password_changed_at)
       for no key update of u
), changed as (
    update users u
       set profile = (u.profile || b.set_profile) - b.unset_profile,
           user_metadata = b.new_user_metadata,
           app_metadata = b.new_app_metadata,
           version = u.version + 1,
           updated_at = clock_timestamp()
      from before b
     where u.tenant_id = b.tenant_id
       and u.user_id = b.user_id
       and (b.if_match is null or etag(u.version, u.created_at) = any(b.if_match))
       and (b.user_metadata_patch is null
            or metadata_fits(b.new_user_metadata, b.user_metadata, b.max_metadata_bytes))
       and (b.app_metadata_patch is null
            or metadata_fits(b.new_app_metadata, b.app_metadata, b.max_metadata_bytes))
 returning u.*,
           b.n,
           b.set_profile,
           b.unset_profile,
           b.user_metadata_patch,
           b.app_metadata_patch,
           b.author,
           b.profile as old_profile,
           b.user_metadata as old_user_metadata,
           b.app_metadata as old_app_metadata
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select c.tenant_id,
           'user.updated',
           c.user_id,
           case when c.profile is distinct from c.old_profile then (
               select coalesce(jsonb_object_agg(k.key,
                          case when c.old_profile ? k.key
                               then jsonb_build_object('before', c.old_profile -> k.key) else '{}' end
                          || case when c.profile ? k.key
                                  then jsonb_build_object('after', c.profile -> k.key) else '{}' end), '{}')
                 from (select jsonb_object_keys(c.set_profile)
                        union all
                       select unnest(c.unset_profile)) as k(key)
                where c.old_profile -> k.key is distinct from c.profile -> k.key
           ) else '{}' end
           || case when c.user_metadata is distinct from c.old_user_metadata then jsonb_build_object('user_metadata', (
               select coalesce(jsonb_object_agg(k.key,
                          case when d.old ? k.key
                               then jsonb_build_object('before', d.old -> k.key) else '{}' end
                          || case when d.new ? k.key
                                  then jsonb_build_object('after', d.new -> k.key) else '{}' end), '{}')
                 from (select coalesce(c.old_user_metadata || '{}', '{}') as old,
                              c.user_metadata || '{}' as new
                       offset 0) d
                cross join jsonb_object_keys(
                          case when c.user_metadata_patch = '{}' then d.old else c.user_metadata_patch end) as k(key)
                where d.old -> k.key is distinct from d.new -> k.key
           )) else '{}' end
           || case when c.app_metadata is distinct from c.old_app_metadata then jsonb_build_object('app_metadata', (
               select coalesce(jsonb_object_agg(k.key,
                          case when d.old ? k.key
                               then jsonb_build_object('before', d.old -> k.key) else '{}' end
                          || case when d.new ? k.key
                                  then jsonb_build_object('after', d.new -> k.key) else '{}' end), '{}')
                 from (select coalesce(c.old_app_metadata || '{}', '{}') as old,
                              coalesce(c.app_metadata || '{}', '{}') as new
                       offset 0) d
                cross join jsonb_object_keys(
                          case when c.app_metadata_patch = '{}' then d.old else c.app_metadata_patch end) as k(key)
                where d.old -> k.key is distinct from d.new -> k.key
           )) else '{}' end,
           (c.author).*
      from changed c
)
select u.n,
       null as mismatched_etag,
       null as oversized_field,
       u.user_id,
       u.profile::text,
       u.identities::text,
       u.user_metadata::text,
       u.app_metadata::text,
       u.version,
       u.created_at,
       u.updated_at
  from changed u
 union all
select u.n,
       case when etag(u.version, u.created_at) <> all(u.if_match) then etag(u.version, u.created_at) end,
       case when metadata_fits(u.new_user_metadata, u.user_metadata, u.max_metadata_bytes)
            then 'app_metadata' else 'user_metadata' end,
       u.user_id,
       u.profile::text,
       u.identities::text,
       u.user_metadata::text,
       u.app_metadata::text,
       u.version,
       u.created_at,
       u.updated_at
  from before u
 where u.n not in (select n from changed)
