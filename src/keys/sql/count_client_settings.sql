-- The number of sealed values of clients.secrets by the id of their key; null for values without an id.
-- $1 form bytea: the beginning of a value with a key's id
select case when substring(secrets from 1 for 4) = $1
            then substring(secrets from 5 for 4) end as key_id,
       count(*) as sealed_values
  from clients
 where secrets is not null
 group by 1
 order by 1
