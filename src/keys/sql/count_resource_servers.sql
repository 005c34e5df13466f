-- The number of sealed values of resource_servers.signing_secret by the id of their key; null for values without an id.
-- $1 form bytea: the beginning of a value with a key's id
select case when substring(signing_secret from 1 for 4) = $1
            then substring(signing_secret from 5 for 4) end as key_id,
       count(*) as sealed_values
  from resource_servers
 where signing_secret is not null
 group by 1
 order by 1
