-- The merge rule of user_metadata, app_metadata and client_metadata: a PATCH merges at the root level, a null deletes
-- its key, {} clears, NULL (the field was not sent) leaves everything as it is. Nested values are replaced whole, and
-- nulls below the root are data.
-- plpgsql and the path test first: a set-returning subselect in a SQL function costs two to three times as much.
create function merge_metadata(current_value jsonb, patch jsonb) returns jsonb
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
    return (current_value || patch) - deleted;
end
$$;

-- What a change did to an object, for the journal: {"key": {"before": ..., "after": ...}} for each root key that is
-- not what it was, where a missing side means the key was not there. NULL if both are NULL or nothing changed hands
-- between present and absent.
create function journal_changes(old_value jsonb, new_value jsonb) returns jsonb
language plpgsql immutable parallel safe as $$
begin
    if old_value is not distinct from new_value then
        return null;
    end if;
    return coalesce((
        select jsonb_object_agg(key,
            case when o.value is null then '{}' else jsonb_build_object('before', o.value) end
            || case when n.value is null then '{}' else jsonb_build_object('after', n.value) end)
        from jsonb_each(coalesce(old_value, '{}')) o
        full join jsonb_each(coalesce(new_value, '{}')) n using (key)
        where o.value is distinct from n.value
    ), '{}');
end
$$;
