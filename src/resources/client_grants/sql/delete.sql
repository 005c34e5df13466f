-- Deletes a grant.
-- $1 tenant_id text
-- $2 grant_id text
-- $3 author text: a journal_author
with deleted as (
    delete from client_grants g
     where g.tenant_id = $1
       and g.grant_id = $2
 returning g.*
)
insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
select g.tenant_id,
       'client_grant.deleted',
       g.grant_id,
       journal_changes(g.settings || jsonb_build_object(
           'client_id', g.client_id, 'audience', g.audience, 'subject_type', g.subject_type, 'scope', g.scope
       ), null),
       ($3::journal_author).*
  from deleted g
