-- Changes a grant. The row that is returned has nulls where the grant is for the API that does not have the scopes. The
-- journal records only what differs.
-- $1 tenant_id text
-- $2 grant_id text
-- $3 scope text[]: null to keep the present one
-- $4 set_settings jsonb: settings to replace
-- $5 unset_settings text[]: settings to remove
-- $6 refused_audience text: the API that does not have the scopes; null if every API can have them
-- $7 author text: a journal_author
with before as (
    select g.*
      from client_grants g
     where g.tenant_id = $1
       and g.grant_id = $2
       for update
), changed as (
    update client_grants g
       set scope = coalesce($3, b.scope),
           settings = (b.settings || $4) - $5::text[],
           updated_at = now()
      from before b
     where g.tenant_id = $1
       and g.grant_id = b.grant_id
       and ($6::text is null or b.audience <> $6)
 returning g.*,
           b.settings || jsonb_build_object('scope', b.scope) as old_document,
           g.settings || jsonb_build_object('scope', g.scope) as document
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select g.tenant_id,
           'client_grant.updated',
           g.grant_id,
           journal_changes(g.old_document, g.document),
           ($7::journal_author).*
      from changed g
     where g.document <> g.old_document
)
select g.grant_id,
       g.client_id,
       g.audience,
       g.subject_type,
       g.scope,
       g.settings
  from before b
  left join changed g on true
