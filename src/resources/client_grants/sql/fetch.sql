-- A grant by its id.
-- $1 tenant_id text
-- $2 grant_id text
select g.grant_id,
       g.client_id,
       g.audience,
       g.subject_type,
       g.scope,
       g.settings
  from client_grants g
 where g.tenant_id = $1
   and g.grant_id = $2
