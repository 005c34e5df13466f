-- The client that a file declares, locked: by its id, or by its name if the file has no id. The oldest one of a name.
-- $1 tenant_id text
-- $2 client_id text: null if the file has none
-- $3 name text
select client_id,
       client_secret
  from clients
 where tenant_id = $1
   and settings -> 'global' is distinct from 'true'
   and case when $2::text is null then settings ->> 'name' = $3
            else client_id = $2 end
 order by created_at, client_id
 limit 1
   for update
