-- Changes an API. A trigger keeps its scopes as rows of `permissions`. The journal records only what differs.
-- The key that tokens are encrypted with (`pem`) is never answered, so settings without it that are otherwise the
-- present ones keep it.
-- $1 tenant_id text
-- $2 resource_server_id text
-- $3 set_settings jsonb: settings to replace
-- $4 unset_settings text[]: settings to remove
-- $5 replaces_secret boolean: false to keep a present secret
-- $6 signing_secret bytea: sealed; null without a new secret
-- $7 author text: a journal_author
with before as (
    select s.*
      from resource_servers s
     where s.tenant_id = $1
       and s.resource_server_id = $2
       for update
), changed as (
    update resource_servers s
       set settings = (b.settings || case when $3 -> 'token_encryption' = b.settings -> 'token_encryption' #- '{encryption_key,pem}'
                                          then $3 - 'token_encryption'
                                          else $3 end) - $4::text[],
           signing_secret = case when $5 then $6 else coalesce(b.signing_secret, $6) end,
           updated_at = now()
      from before b
     where s.tenant_id = $1
       and s.resource_server_id = b.resource_server_id
 returning s.*,
           b.settings as old_settings,
           b.signing_secret as old_signing_secret
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select s.tenant_id,
           'resource_server.updated',
           s.resource_server_id,
           coalesce(journal_changes(s.old_settings, s.settings), '{}')
           || case when s.signing_secret is distinct from s.old_signing_secret
                   then '{"signing_secret": {"after": "*****"}}'::jsonb
                   else '{}' end,
           ($7::journal_author).*
      from changed s
     where (s.settings, s.signing_secret) is distinct from (s.old_settings, s.old_signing_secret)
)
select s.resource_server_id,
       s.identifier,
       s.settings #- '{token_encryption,encryption_key,pem}' as settings,
       s.signing_secret,
       (select c.client_id
          from clients c
         where c.tenant_id = $1
           and c.settings ? 'resource_server_identifier'
           and c.settings ->> 'resource_server_identifier' = s.identifier
         order by c.client_id
         limit 1) as client_id
  from changed s
