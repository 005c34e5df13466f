-- An API by its id or its identifier. The id goes first where it is the identifier of another API.
-- The key that tokens are encrypted with (`pem`) is never answered.
-- $1 tenant_id text
-- $2 id_or_identifier text
select s.resource_server_id,
       s.identifier,
       s.settings #- '{token_encryption,encryption_key,pem}' as settings,
       s.signing_secret,
       (select c.client_id
          from clients c
         where c.tenant_id = $1
           and c.settings ? 'resource_server_identifier'
           and c.settings ->> 'resource_server_identifier' = s.identifier
         order by c.client_id
         limit 1) as client_id
  from resource_servers s
 where s.tenant_id = $1
   and (s.resource_server_id = $2 or s.identifier = $2)
 order by s.resource_server_id = $2 desc
 limit 1
