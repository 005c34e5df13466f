with old as (
             select coalesce(jsonb_agg(host order by host), '[]') as hosts from tenant_hosts where tenant_id = $1
         ), removed as (
             delete from tenant_hosts where tenant_id = $1 and host <> all($2::text[]) returning host
         ), added as (
             insert into tenant_hosts (host, tenant_id)
             select host, $1 from unnest($2::text[]) host
                 on conflict (host) do nothing
          returning host
         ), changed as (
             select exists (select from removed) or exists (select from added) as any
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select $1, 'tenant.updated', $1, jsonb_build_object('hosts', jsonb_build_object('before', o.hosts, 'after', to_jsonb($2::text[]))), ($3::journal_author).*
               from old o, changed c
              where c.any
         )
         select changed.any from changed
