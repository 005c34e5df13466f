-- The number of sealed values of signing_keys.private_key by the id of their key; null for values without an id.
-- $1 form bytea: the beginning of a value with a key's id
select case when substring(private_key from 1 for 4) = $1
            then substring(private_key from 5 for 4) end as key_id,
       count(*) as sealed_values
  from signing_keys
 where private_key is not null
 group by 1
 order by 1
