-- The key of a document in an index on one path of it (`roster search index`): of its only value, or 'm' where there are
-- many. Numbers are in their order as double precision, which is enough to propose users; texts are cut, as an index has no
-- room for long ones. Never an error: it would refuse a change of the user.
create function search_key(metadata jsonb, path jsonpath) returns text
language plpgsql immutable parallel safe as $$
declare
    found jsonb := jsonb_path_query_array(metadata, path);
    value jsonb := found -> 0;
    number numeric;
    digits text;
begin
    if jsonb_array_length(found) > 1 then
        return 'm';
    end if;
    case jsonb_typeof(value)
        when 'string' then
            return 's' || left(value #>> '{}', 200);
        when 'number' then
            number := (value #>> '{}')::numeric;
            digits := encode(float8send(case
                when abs(number) > 1e300 then sign(number) * 1e300
                when abs(number) < 1e-300 then 0
                else number end::float8), 'hex');
            return case when number < 0 and digits <> '0000000000000000' then 'n0' || translate(digits, '0123456789abcdef', 'fedcba9876543210') else 'n1' || digits end;
        when 'array' then
            return 'm';
        else
            return null;
    end case;
end
$$;
