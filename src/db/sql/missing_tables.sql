-- The tables that do not exist.
-- $1 tables text[]
select name
  from unnest($1::text[]) name
 where to_regclass(name) is null
