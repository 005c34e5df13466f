with before as (
             select *
               from tenants
              where tenant_id = $1
                for no key update
         ), judged as (
             select b.*,
                    merge_settings(b.tenant_settings, $2, $3::text[]) as merged,
                    $4::text[] is null or etag(b.tenant_settings_version, b.created_at) = any($4) as matches
               from before b
         ), changed as (
             update tenants t
                set tenant_settings = j.merged,
                    tenant_settings_version = j.tenant_settings_version + 1,
                    updated_at = clock_timestamp()
               from judged j
              where t.tenant_id = j.tenant_id
                and j.matches
                and j.merged <> j.tenant_settings
          returning t.*, j.tenant_settings as old_settings
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'tenant_settings.updated', tenant_id, journal_changes(old_settings, tenant_settings), ($5::journal_author).*
               from changed
         )
         select j.matches, coalesce(c.tenant_settings, j.tenant_settings) as tenant_settings, coalesce(c.tenant_settings_version, j.tenant_settings_version) || '-' || (extract(epoch from j.created_at) * 1000000)::bigint as etag
           from judged j
           left join changed c on true
