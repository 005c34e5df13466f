-- Creates a tenant, or overlays the keys that its file names. `rate_limits` and `search` exist in files only, so they
-- are replaced. `locked` makes the insert wait for the row lock of `old`, so that both see one version.
-- An unchanged tenant is not written: `is_new` is null then.
-- $1 tenant_id text
-- $2 settings jsonb: of a new tenant
-- $3 named_settings jsonb: the settings that the file names, and all of `rate_limits` and `search`
-- $4 named_tenant_settings jsonb: the part of the API's tenant settings that the file names
-- $5 author text: a journal_author
with old as (
    select settings,
           tenant_settings
      from tenants
     where tenant_id = $1
       for no key update
), written as (
    insert into tenants (tenant_id, settings, tenant_settings)
    select $1,
           $2,
           overlay_settings(default_tenant_settings(), $4)
      from (select count(*) from old) locked
        on conflict (tenant_id)
        do update
       set settings = overlay_settings(tenants.settings - '{rate_limits,search}'::text[], $3),
           tenant_settings = overlay_settings(tenants.tenant_settings, $4),
           tenant_settings_version = tenants.tenant_settings_version
               + (overlay_settings(tenants.tenant_settings, $4) <> tenants.tenant_settings)::int,
           updated_at = now()
     where overlay_settings(tenants.settings - '{rate_limits,search}'::text[], $3) <> tenants.settings
        or overlay_settings(tenants.tenant_settings, $4) <> tenants.tenant_settings
 returning tenant_id,
           settings,
           tenant_settings
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select w.tenant_id,
           case when o.settings is null then 'tenant.created' else 'tenant.updated' end,
           w.tenant_id,
           coalesce(journal_changes(o.settings, w.settings), '{}')
           || case when w.tenant_settings is distinct from o.tenant_settings
                   then jsonb_build_object('tenant_settings', journal_changes(o.tenant_settings, w.tenant_settings))
                   else '{}' end,
           ($5::journal_author).*
      from written w
      left join old o
        on true
)
select case when w.settings is not null then o.settings is null end as is_new,
       coalesce(w.settings, o.settings) ->> 'audience' as audience
  from (values (1)) one
  left join old o
    on true
  left join written w
    on true
