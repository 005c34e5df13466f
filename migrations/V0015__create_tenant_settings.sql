-- The settings of a tenant that its administrators change through the API, beside those its file declares; and grants
-- for people as well as for clients.

-- A PATCH of a document of settings: each object among them merges at its first level as metadata does (a null deletes its
-- key, {} clears), arrays and plain values are replaced, the settings that are unset go.
create function merge_settings(current_value jsonb, patch jsonb, unset text[]) returns jsonb
language sql immutable parallel safe as $$
    select (current_value || coalesce(jsonb_object_agg(p.key,
                case when jsonb_typeof(p.value) = 'object'
                     then merge_metadata(case when jsonb_typeof(current_value -> p.key) = 'object' then current_value -> p.key end, p.value)
                     else p.value end), '{}')) - unset
      from jsonb_each(patch) p
$$;

-- What a file names, laid over what there is: objects at every level keep the keys that the file does not name.
create function overlay_settings(current_value jsonb, named jsonb) returns jsonb
language plpgsql immutable parallel safe as $$
begin
    if jsonb_typeof(current_value) is distinct from 'object' or jsonb_typeof(named) <> 'object' then
        return named;
    end if;
    return current_value || coalesce((
        select jsonb_object_agg(key, overlay_settings(current_value -> key, value)) from jsonb_each(named)), '{}');
end
$$;

-- What a tenant's settings are when nobody has said anything.
create function default_tenant_settings() returns jsonb
language sql immutable parallel safe as $$
    select '{
        "allowed_logout_urls": [],
        "enabled_locales": ["en"],
        "flags": {
            "allow_changing_enable_sso": false,
            "disable_clickjack_protection_headers": false,
            "disable_impersonation": true,
            "enable_sso": true,
            "mfa_show_factor_list_on_enrollment": false,
            "new_universal_login_experience_enabled": true,
            "revoke_refresh_token_grant": false,
            "universal_login": true
        },
        "idle_session_lifetime": 72,
        "sandbox_version": "18",
        "session_lifetime": 168,
        "universal_login": {"passwordless": {"allow_magiclink_verify_without_session": true}}
    }'::jsonb
$$;

alter table tenants
    add column tenant_settings jsonb not null default default_tenant_settings(),
    add column tenant_settings_version bigint not null default 1;
-- What each request for a token looks at, without the custom pages beside it.
alter table tenants
    add column default_audience text generated always as (nullif(tenant_settings ->> 'default_audience', '')) stored,
    add column default_directory text generated always as (nullif(tenant_settings ->> 'default_directory', '')) stored;

-- What files have declared so far.
update tenants
   set tenant_settings = jsonb_set(tenant_settings, '{flags,enable_public_signup_user_exists_error}', 'false')
 where settings #> '{compat,signup_user_exists_error}' = 'false';

-- settings: organization_usage, allow_any_organization, authorization_details_types and allow_all_scopes, as they were sent.
alter table client_grants
    add column subject_type text not null default 'client' check (subject_type in ('client', 'user')),
    add column settings jsonb not null default '{}';
-- A client can have a grant of its own and one for people, each for the same API.
create unique index client_grants_subject_type_key on client_grants (tenant_id, client_id, audience, subject_type);
alter table client_grants drop constraint client_grants_client_id_audience_key;
-- The grants for an API, in the order they are listed; and those that go with it.
create index client_grants_audience_idx on client_grants (tenant_id, audience, grant_id);
