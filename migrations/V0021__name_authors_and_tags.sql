-- Statements stand in one piece: the author of a change is one value, and what many statements repeat is a function
-- that PostgreSQL inlines.

-- The author of a change, as a statement is given it: `$n::journal_author` of a row literal.
create type journal_author as (
    actor      text,
    client_id  text,
    request_id text,
    ip         text,
    user_agent text
);

-- One statement may write several entries, so each entry gets its own id here.
alter table journal alter column entry_id set default gen_random_uuid();

alter table connection_deletions alter column author type journal_author
    using row(author[2], author[3], author[4], author[5], author[6])::journal_author;

-- The entity tag of a row's state, without its quotes: the version, and the time of creation, so that a row that is
-- created again never repeats a tag. Immutable: `at time zone 'UTC'` does not depend on the session.
create function etag(version bigint, created_at timestamptz) returns text
language sql immutable parallel safe
return version::text || '-' || (extract(epoch from created_at at time zone 'UTC') * 1000000)::bigint::text;

-- As before, but linear in the number of keys: `jsonb - text[]` compares every key with every deleted one.
create or replace function merge_metadata(current_value jsonb, patch jsonb) returns jsonb
language plpgsql immutable parallel safe as $$
declare
    deleted text[];
begin
    if patch is null then
        return current_value;
    end if;
    if current_value is null then
        current_value := '{}';
    end if;
    if patch = '{}' then
        return patch;
    end if;
    if not jsonb_path_exists(patch, 'strict $.* ? (@ == null)') then
        return current_value || patch;
    end if;
    select array_agg(key) into deleted from jsonb_each(patch) where value = 'null';
    if cardinality(deleted) <= 16 then
        return (current_value || patch) - deleted;
    end if;
    return (
        select coalesce(jsonb_object_agg(merged.key, merged.value), '{}')
          from jsonb_each(current_value || patch) merged
         where not (merged.value = 'null' and patch -> merged.key is not distinct from 'null')
    );
end
$$;

-- The changes of a user, for the journal: `journal_changes` of its attributes and of both metadata fields.
create function user_changes(
    old_profile jsonb, profile jsonb,
    old_user_metadata jsonb, user_metadata jsonb,
    old_app_metadata jsonb, app_metadata jsonb
) returns jsonb
language sql immutable parallel safe
return coalesce(journal_changes(old_profile, profile), '{}')
    || case when user_metadata is distinct from old_user_metadata
            then jsonb_build_object('user_metadata', journal_changes(old_user_metadata, user_metadata)) else '{}' end
    || case when app_metadata is distinct from old_app_metadata
            then jsonb_build_object('app_metadata', journal_changes(old_app_metadata, app_metadata)) else '{}' end;
