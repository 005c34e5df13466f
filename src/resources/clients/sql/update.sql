with before as (
             select *
               from clients
              where tenant_id = $1
                and client_id = $2
                for update
         ), named as (
             select c.credential_id
               from before b
               join client_credentials c on c.tenant_id = b.tenant_id and c.client_id = b.client_id
              where c.credential_id = any($10)
                for key share of c
         ), judged as (
             select b.*, m.merged, (select count(*) from named) = cardinality($10::text[]) as complete, etag(b.version, b.created_at) as tag,
                    case when $5::jsonb is null then 0 else (select count(*) from jsonb_object_keys(m.merged)) end as keys,
                    $7::text[] is null or etag(b.version, b.created_at) = any($7) as matches
               from before b, lateral (select merge_metadata(b.client_metadata, $5::jsonb) as merged) m
         ), changed as (
             update clients c
                set settings = (j.settings || coalesce((
                        select jsonb_object_agg(p.key, case
                                   when p.key <> all($11::text[]) then p.value
                                   -- what comes into being is filled up, even by an empty object
                                   when o.value is null then merge_metadata(coalesce($12::jsonb -> p.key, '{}'), nullif(p.value, '{}'))
                                   else merge_metadata(o.value, p.value) end)
                          from jsonb_each($3::jsonb) p
                         cross join lateral (select nullif(j.settings -> p.key, 'null') as value) o), '{}')) - $4::text[],
                    client_metadata = j.merged,
                    client_secret = coalesce($6::bytea, j.client_secret),
                    version = j.version + 1,
                    updated_at = clock_timestamp()
               from judged j
              where c.tenant_id = j.tenant_id
                and c.client_id = j.client_id
                and j.matches
                and j.keys <= $8
                and j.complete
          returning c.*, j.settings as old_settings, j.client_metadata as old_client_metadata
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'client.updated', client_id,
                    coalesce(masked_changes(journal_changes(old_settings, settings), array['addons', 'encryption_key']), '{}')
                    || case when client_metadata is distinct from old_client_metadata
                            then jsonb_build_object('client_metadata', journal_changes(old_client_metadata, client_metadata)) else '{}' end
                    || case when $6::bytea is not null then '{"client_secret": {"before": "*****", "after": "*****"}}' else '{}' end::jsonb, ($9::journal_author).*
               from changed
         )
         select j.tag, j.keys, j.matches, j.complete, s.client_id, s.settings, s.client_metadata, s.client_secret, s.created_at, etag(s.version, s.created_at) as etag
           from judged j
           left join changed s on true
