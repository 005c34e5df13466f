-- The size of every document. A request is bounded too, but many small ones can grow one document.

-- Does a metadata field fit its limit after a merge? A change that does not enlarge it always fits, so that a
-- field from before a lower limit can shrink.
create function metadata_fits(merged jsonb, stored jsonb, max_bytes bigint) returns boolean
language sql immutable parallel safe
return merged is null
    or octet_length(merged::text) <= max_bytes
    or coalesce(octet_length(merged::text) <= octet_length(stored::text), false);

-- The merged field if it fits; otherwise a violation of the constraint `{field}_size`.
create function bounded_metadata(field text, stored jsonb, merged jsonb, max_bytes bigint) returns jsonb
language plpgsql immutable parallel safe as $$
begin
    if metadata_fits(merged, stored, max_bytes) then
        return merged;
    end if;
    raise check_violation using message = field || ' is too large', constraint = field || '_size';
end
$$;

-- The size of a text form, not of the stored one: 1e400 is short in `jsonb` and 401 digits in an answer.
create function document_fits(document jsonb) returns boolean
language sql immutable parallel safe
return octet_length(document::text) <= 1000000;

-- `not valid`: rows from before are checked when they change.
alter table clients
    add constraint clients_settings_size check (document_fits(settings)) not valid,
    add constraint clients_client_metadata_size check (document_fits(client_metadata)) not valid;
alter table client_credentials
    add constraint client_credentials_document_size check (document_fits(document)) not valid;
alter table client_grants
    add constraint client_grants_settings_size check (document_fits(settings)) not valid;
alter table connections
    add constraint connections_options_size check (document_fits(options)) not valid,
    add constraint connections_settings_size check (document_fits(settings)) not valid,
    add constraint connections_secrets_size check (octet_length(secrets) <= 1000000) not valid;
alter table organizations
    add constraint organizations_settings_size check (document_fits(settings)) not valid;
alter table resource_servers
    add constraint resource_servers_settings_size check (document_fits(settings)) not valid;
alter table tenants
    add constraint tenants_tenant_settings_size check (document_fits(tenant_settings)) not valid;

-- Every change of a user checks these, so they take the size of the value as it is at hand.
alter table users
    add constraint users_profile_size check (pg_column_size(profile) <= 1000000) not valid,
    add constraint users_identities_size check (pg_column_size(identities) <= 1000000) not valid;
