-- Changes the settings of a tenant by merge_settings. A change that changes nothing writes nothing and keeps the tag;
-- so does a change whose precondition fails.
-- $1 tenant_id text
-- $2 set_settings jsonb: settings to replace or, where they are objects, to merge
-- $3 unset_settings text[]: settings to remove
-- $4 if_match text[]: null without a precondition
-- $5 author text: a journal_author
with before as (
    select t.tenant_id,
           t.tenant_settings,
           merge_settings(t.tenant_settings, $2, $3::text[]) as merged_settings,
           etag(t.tenant_settings_version, t.created_at) as etag
      from tenants t
     where t.tenant_id = $1
       for no key update
), changed as (
    update tenants t
       set tenant_settings = b.merged_settings,
           tenant_settings_version = t.tenant_settings_version + 1,
           updated_at = clock_timestamp()
      from before b
     where t.tenant_id = $1
       and ($4::text[] is null or b.etag = any($4))
       and b.merged_settings <> b.tenant_settings
 returning t.tenant_id,
           t.tenant_settings,
           b.tenant_settings as old_settings,
           etag(t.tenant_settings_version, t.created_at) as etag
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select c.tenant_id,
           'tenant_settings.updated',
           c.tenant_id,
           journal_changes(c.old_settings, c.tenant_settings),
           ($5::journal_author).*
      from changed c
)
select $4 is null or b.etag = any($4) as is_match,
       coalesce(c.tenant_settings, b.tenant_settings) as settings,
       coalesce(c.etag, b.etag) as etag
  from before b
  left join changed c on true
