-- Changes a client. The settings that are objects merge at their first level, as `client_metadata` does; the others are
-- replaced. The row that is returned has the state before the change, and nulls where a condition fails: the
-- precondition, the limit of metadata keys, or the existence of a named credential or API.
-- The client is locked before the credentials, as by client_credentials.delete; their lock keeps them until the commit.
-- An object that the client does not have is created from its default, even by an empty object.
-- `addons` and `encryption_key` can hold a secret under any key, so the journal masks their values.
-- $1 tenant_id text
-- $2 client_id text
-- $3 set_settings jsonb: settings to replace or to merge, secrets masked
-- $4 unset_settings text[]: settings to remove
-- $5 client_metadata_patch jsonb: to merge, or null
-- $6 client_secret bytea: sealed; null to keep the present one
-- $7 if_match text[]: entity tags; null without a precondition
-- $8 max_metadata_keys bigint
-- $9 credential_ids text[]: the credentials that the settings name, each once
-- $10 merged_settings text[]: the settings that merge
-- $11 default_settings jsonb: the defaults of created objects
-- $12 author text: a journal_author
-- $13 replaces_secrets boolean: whether $14 replaces the stored secrets; the transaction has read them under its lock
-- $14 secrets bytea: the secrets among the new settings, sealed; null without any
-- $15 changed_secrets text[]: settings with a changed secret, which their masked values may not show
-- $16 policy_audiences text[]: the identifiers of the APIs that the settings name
with before as (
    select c.*
      from clients c
     where c.tenant_id = $1
       and c.client_id = $2
       for update
), named_credential as (
    select c.credential_id
      from before b
      join client_credentials c
        on c.tenant_id = $1
       and c.client_id = b.client_id
     where c.credential_id = any($9)
       for key share of c
), checked as (
    select b.*,
           m.client_metadata as new_client_metadata,
           etag(b.version, b.created_at) as etag,
           $7::text[] is null or etag(b.version, b.created_at) = any($7) as matches,
           (select count(*) from named_credential) = cardinality($9::text[]) as has_credentials,
           not exists (select from unnest($16::text[]) as named(identifier)
                        where not exists (select from resource_servers s
                                           where s.tenant_id = $1
                                             and s.identifier = named.identifier)) as has_apis,
           case when $5::jsonb is null then 0
                else (select count(*) from jsonb_object_keys(m.client_metadata)) end as metadata_keys
      from before b
     cross join lateral (select merge_metadata(b.client_metadata, $5::jsonb) as client_metadata) m
), changed as (
    update clients c
       set settings = (b.settings || coalesce((
               select jsonb_object_agg(sent.key,
                          case when sent.key <> all($10::text[]) then sent.value
                               when stored.value is null
                               then merge_metadata(coalesce($11::jsonb -> sent.key, '{}'), nullif(sent.value, '{}'))
                               else merge_metadata(stored.value, sent.value) end)
                 from jsonb_each($3::jsonb) as sent
                 left join jsonb_each(b.settings) as stored
                   on stored.key = sent.key
                  and stored.value <> 'null'
           ), '{}')) - $4::text[],
           client_metadata = b.new_client_metadata,
           client_secret = coalesce($6::bytea, b.client_secret),
           secrets = case when $13 then $14::bytea else b.secrets end,
           version = b.version + 1,
           updated_at = clock_timestamp()
      from checked b
     where c.tenant_id = $1
       and c.client_id = b.client_id
       and b.matches
       and b.has_credentials
       and b.has_apis
       and b.metadata_keys <= $8
 returning c.*,
           b.settings as old_settings,
           b.client_metadata as old_client_metadata
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select c.tenant_id,
           'client.updated',
           c.client_id,
           coalesce((select jsonb_object_agg(s.name, '{"before": "*****", "after": "*****"}'::jsonb)
                       from unnest($15::text[]) as s(name)), '{}')
           || coalesce(masked_changes(
               journal_changes(c.old_settings, c.settings), array['addons', 'encryption_key']
           ), '{}')
           || case when c.client_metadata is distinct from c.old_client_metadata
                   then jsonb_build_object('client_metadata', journal_changes(c.old_client_metadata, c.client_metadata))
                   else '{}' end
           || case when $6 is not null then '{"client_secret": {"before": "*****", "after": "*****"}}'::jsonb
                   else '{}' end,
           ($12::journal_author).*
      from changed c
)
select b.etag as old_etag,
       b.matches,
       b.has_credentials,
       b.has_apis,
       b.metadata_keys,
       c.client_id,
       c.settings,
       c.client_metadata,
       c.client_secret,
       c.secrets,
       c.created_at,
       etag(c.version, c.created_at) as etag
  from checked b
  left join changed c on true
