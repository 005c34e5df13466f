-- Finds the identity of a user that a change addresses: the one in the named connection, the primary first;
-- without a name the primary.
-- $1 tenant_id text
-- $2 user_id text
-- $3 connection text: null for the primary identity
select i.provider,
       i.identity_id,
       i.connection,
       i.username
  from identities i
 where i.tenant_id = $1
   and i.user_id = $2
   and case when $3::text is null then is_primary_identity(i.provider, i.identity_id, $2)
            else i.connection = $3 end
 order by is_primary_identity(i.provider, i.identity_id, $2) desc,
          i.provider,
          i.identity_id
 limit 1
