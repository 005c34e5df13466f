with before as (
             select *
               from client_grants
              where tenant_id = $1
                and grant_id = $2
                for update
         ), changed as (
             update client_grants g
                set scope = coalesce($3, b.scope),
                    settings = (b.settings || $4) - $5::text[],
                    updated_at = now()
               from before b
              where g.tenant_id = b.tenant_id
                and g.grant_id = b.grant_id
                and ($6::text is null or b.audience <> $6)
          returning g.*, b.settings || jsonb_build_object('scope', b.scope) as old
         ), journal_entry as (
             insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
             select tenant_id, 'client_grant.updated', grant_id,
                    journal_changes(old, settings || jsonb_build_object('scope', scope)), ($7::journal_author).*
               from changed
              where settings || jsonb_build_object('scope', scope) <> old
         )
         select g.grant_id, g.client_id, g.audience, g.subject_type, g.scope, g.settings
           from before b
           left join changed g on true
