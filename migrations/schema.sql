-- The schema that the migrations of this directory make, in one file to read. A test compares both; nothing runs
-- this file. Written by migrations/dump-schema.

CREATE TYPE journal_author AS (
	actor text,
	client_id text,
	request_id text,
	ip text,
	user_agent text
);

CREATE FUNCTION add_user_terms() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    insert into user_terms
    select t.*
      from created c
     cross join lateral terms_of_user(c.tenant_id, c.user_id, c.profile) t;
    return null;
end
$$;

CREATE FUNCTION attempt_limit(ip text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE ip WHEN ''::text THEN 100 ELSE 10 END;

CREATE FUNCTION attempts_lapsed(ip text, attempted_at timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (attempted_at < (now() - CASE ip WHEN ''::text THEN '1 day'::interval ELSE '30 days'::interval END));

CREATE FUNCTION attribute_text(profile jsonb, attribute text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN COALESCE((profile ->> attribute), CASE attribute WHEN 'name'::text THEN COALESCE((profile ->> 'email'::text), (profile ->> 'username'::text), (profile ->> 'phone_number'::text), ''::text) WHEN 'nickname'::text THEN split_part(COALESCE((profile ->> 'email'::text), (profile ->> 'username'::text), (profile ->> 'phone_number'::text), ''::text), '@'::text, 1) ELSE NULL::text END);

CREATE FUNCTION bounded_metadata(field text, stored jsonb, merged jsonb, max_bytes bigint) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
begin
    if metadata_fits(merged, stored, max_bytes) then
        return merged;
    end if;
    raise check_violation using message = field || ' is too large', constraint = field || '_size';
end
$$;

CREATE FUNCTION count_password_changes(of_tenant text, of_connection text, of_email text, since timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
begin
    perform pg_advisory_xact_lock(hashtextextended(format('%L %L %L', of_tenant, of_connection, of_email), 0));
    return (select count(*)
              from identities i
              join tickets t
                on t.tenant_id = i.tenant_id
               and t.provider = i.provider
               and t.identity_id = i.identity_id
             where i.tenant_id = of_tenant
               and i.email = of_email
               and i.connection = of_connection
               and t.kind = 'password_change'
               and t.created_at > since);
end
$$;

CREATE FUNCTION count_users() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    insert into user_counts (tenant_id, shard, users)
    select tenant_id, pg_backend_pid() % 64, case tg_op when 'INSERT' then count(*) else -count(*) end
      from changed
     group by tenant_id
     order by tenant_id
        on conflict (tenant_id, shard) do update set users = user_counts.users + excluded.users;
    return null;
end
$$;

CREATE FUNCTION default_tenant_settings() RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
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

CREATE FUNCTION document_fits(document jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (octet_length((document)::text) <= 1000000);

CREATE FUNCTION drop_user_terms() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    delete from user_terms t
     using deleted d
     where t.tenant_id = d.tenant_id
       and t.user_id = d.user_id;
    return null;
end
$$;

CREATE FUNCTION etag(version bigint, created_at timestamp with time zone) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (((version)::text || '-'::text) || (((EXTRACT(epoch FROM (created_at AT TIME ZONE 'UTC'::text)) * (1000000)::numeric))::bigint)::text);

CREATE FUNCTION fold_case(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN lower((value COLLATE "und-x-icu"));

CREATE FUNCTION global_client() RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select '{
        "global": true,
        "name": "All Applications",
        "callbacks": [],
        "owners": [],
        "is_first_party": true,
        "cross_origin_authentication": true,
        "callback_url_template": false,
        "custom_login_page": "",
        "custom_login_page_on": true,
        "refresh_token": {
            "expiration_type": "non-expiring",
            "leeway": 0,
            "infinite_token_lifetime": true,
            "infinite_idle_token_lifetime": true,
            "token_lifetime": 2592000,
            "idle_token_lifetime": 1296000,
            "rotation_type": "non-rotating"
        }
    }'::jsonb
$$;

CREATE FUNCTION is_primary_identity(provider text, identity_id text, user_id text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (((provider || '|'::text) || identity_id) = user_id);

CREATE FUNCTION identity_email(provider text, identity_id text, email text, user_id text, profile jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN is_primary_identity(provider, identity_id, user_id) THEN (profile ->> 'email'::text) ELSE email END;

CREATE FUNCTION journal_changes(old_value jsonb, new_value jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
begin
    if old_value is not distinct from new_value then
        return null;
    end if;
    return coalesce((
        select jsonb_object_agg(key,
            case when o.value is null then '{}' else jsonb_build_object('before', o.value) end
            || case when n.value is null then '{}' else jsonb_build_object('after', n.value) end)
        from jsonb_each(coalesce(old_value, '{}')) o
        full join jsonb_each(coalesce(new_value, '{}')) n using (key)
        where o.value is distinct from n.value
    ), '{}');
end
$$;

CREATE FUNCTION journal_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'the journal is append-only';
end
$$;

CREATE FUNCTION keep_user_terms() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if tg_op = 'UPDATE' then
        delete from user_terms where tenant_id = new.tenant_id and user_id = new.user_id;
    end if;
    insert into user_terms select t.* from terms_of_user(new.tenant_id, new.user_id, new.profile) t;
    return null;
end
$$;

CREATE FUNCTION masked_changes(changes jsonb, names text[]) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select changes || coalesce((
        select jsonb_object_agg(c.key, (select jsonb_object_agg(side, '*****') from jsonb_object_keys(c.value) side))
          from jsonb_each(changes) c
         where c.key = any(names)), '{}')
$$;

CREATE FUNCTION merge_metadata(current_value jsonb, patch jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $_$
declare
    deleted text[];
begin
    if patch is null then
        return current_value;
    end if;
    if current_value is null then
        current_value := '{}';
    end if;
    if patch = '{}' then
        return patch;
    end if;
    if not jsonb_path_exists(patch, 'strict $.* ? (@ == null)') then
        return current_value || patch;
    end if;
    select array_agg(key) into deleted from jsonb_each(patch) where value = 'null';
    if cardinality(deleted) <= 16 then
        return (current_value || patch) - deleted;
    end if;
    return (
        select coalesce(jsonb_object_agg(merged.key, merged.value), '{}')
          from jsonb_each(current_value || patch) merged
         where not (merged.value = 'null' and patch -> merged.key is not distinct from 'null')
    );
end
$_$;

CREATE FUNCTION merge_settings(current_value jsonb, patch jsonb, unset text[]) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select (current_value || coalesce(jsonb_object_agg(p.key,
                case when jsonb_typeof(p.value) = 'object'
                     then merge_metadata(case when jsonb_typeof(current_value -> p.key) = 'object' then current_value -> p.key end, p.value)
                     else p.value end), '{}')) - unset
      from jsonb_each(patch) p
$$;

CREATE FUNCTION metadata_fits(merged jsonb, stored jsonb, max_bytes bigint) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((merged IS NULL) OR (octet_length((merged)::text) <= max_bytes) OR COALESCE((octet_length((merged)::text) <= octet_length((stored)::text)), false));

CREATE FUNCTION origins_of_client(settings jsonb) RETURNS SETOF text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select distinct o.origin
      from unnest(array['allowed_origins', 'web_origins', 'callbacks']) as list(name)
     cross join jsonb_array_elements_text(case when jsonb_typeof(settings -> list.name) = 'array'
                                               then settings -> list.name
                                               else '[]' end) as url
     cross join lateral (select lower(substring(url from '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#@[:space:]]+')) as origin) o
     where length(o.origin) <= 300
$$;

CREATE FUNCTION overlay_settings(current_value jsonb, named jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
begin
    if jsonb_typeof(current_value) is distinct from 'object' or jsonb_typeof(named) <> 'object' then
        return named;
    end if;
    return current_value || coalesce((
        select jsonb_object_agg(key, overlay_settings(current_value -> key, value)) from jsonb_each(named)), '{}');
end
$$;

CREATE FUNCTION refuse_beyond_limit() RETURNS trigger
    LANGUAGE plpgsql
    AS $_$
declare
    too_many boolean;
begin
    execute format('select from %1$I o
                     where (o.tenant_id, o.%2$I) in (select tenant_id, %2$I from added)
                     order by o.tenant_id, o.%2$I
                       for no key update', tg_argv[0], tg_argv[1]);
    execute format('select exists (select from %1$I t
                                    where (t.tenant_id, t.%2$I) in (select tenant_id, %2$I from added)
                                    group by t.tenant_id, t.%2$I
                                   having count(*) > %3$s)', tg_table_name, tg_argv[1], tg_argv[2]) into too_many;
    if too_many then
        raise check_violation using constraint = tg_table_name || '_limit', message = 'more rows than an owner may have';
    end if;
    return null;
end
$_$;

CREATE FUNCTION refuse_global_client() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if exists (select from made m
                 join clients c on c.tenant_id = m.tenant_id and c.client_id = m.client_id
                where c.settings -> 'global' = 'true') then
        raise foreign_key_violation using message = 'the global client uses no connection',
                                          constraint = 'connection_clients_client_fkey';
    end if;
    return null;
end
$$;

CREATE FUNCTION refuse_name_in_deletion() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if exists (select from connection_deletions d
                where d.tenant_id = new.tenant_id
                  and d.name = new.name
                  and exists (select from identities i where i.tenant_id = d.tenant_id and i.connection = d.name)) then
        raise unique_violation using message = 'users of a deleted connection have this name',
                                     constraint = 'connection_deletions_name';
    end if;
    return null;
end
$$;

CREATE FUNCTION search_key(metadata jsonb, path jsonpath) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
declare
    found jsonb := jsonb_path_query_array(metadata, path);
    value jsonb := found -> 0;
    number numeric;
    digits text;
begin
    if jsonb_array_length(found) > 1 then
        return 'm';
    end if;
    case jsonb_typeof(value)
        when 'string' then
            return 's' || left(value #>> '{}', 200);
        when 'number' then
            number := (value #>> '{}')::numeric;
            digits := encode(float8send(case
                when abs(number) > 1e300 then sign(number) * 1e300
                when abs(number) < 1e-300 then 0
                else number end::float8), 'hex');
            return case when number < 0 and digits <> '0000000000000000' then 'n0' || translate(digits, '0123456789abcdef', 'fedcba9876543210') else 'n1' || digits end;
        when 'array' then
            return 'm';
        else
            return null;
    end case;
end
$$;

CREATE FUNCTION searchable(tenant_id text, metadata jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN jsonb_set(jsonb_object(ARRAY[tenant_id, ''::text]), ARRAY[tenant_id], metadata);

CREATE FUNCTION set_attributes(profile jsonb, attributes jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (((profile || CASE WHEN ((attributes ? 'email'::text) AND ((attributes ->> 'email'::text) IS DISTINCT FROM (profile ->> 'email'::text))) THEN '{"email_verified": false}'::jsonb ELSE '{}'::jsonb END) || CASE WHEN ((attributes ? 'phone_number'::text) AND ((attributes ->> 'phone_number'::text) IS DISTINCT FROM (profile ->> 'phone_number'::text))) THEN '{"phone_verified": false}'::jsonb ELSE '{}'::jsonb END) || attributes);

CREATE TABLE user_terms (
    tenant_id text NOT NULL,
    user_id text NOT NULL,
    email text COLLATE pg_catalog."C",
    username text COLLATE pg_catalog."C",
    phone_number text COLLATE pg_catalog."C",
    name text COLLATE pg_catalog."C",
    given_name text COLLATE pg_catalog."C",
    family_name text COLLATE pg_catalog."C",
    nickname text COLLATE pg_catalog."C"
);

CREATE FUNCTION terms_of_user(tenant_id text, user_id text, profile jsonb) RETURNS user_terms
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select tenant_id, user_id, fold_case(profile ->> 'email'), fold_case(profile ->> 'username'), profile ->> 'phone_number',
           fold_case(profile ->> 'name'), fold_case(profile ->> 'given_name'), fold_case(profile ->> 'family_name'),
           fold_case(coalesce(profile ->> 'nickname', split_part(coalesce(profile ->> 'email', profile ->> 'username', profile ->> 'phone_number', ''), '@', 1)))
$$;

CREATE FUNCTION token_is_valid(issued_at timestamp with time zone, profile jsonb, created_at timestamp with time zone, password_changed_at timestamp with time zone) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((issued_at IS NULL) OR (((profile -> 'blocked'::text) IS DISTINCT FROM 'true'::jsonb) AND (issued_at >= GREATEST(created_at, password_changed_at))));

CREATE FUNCTION user_changes(old_profile jsonb, profile jsonb, old_user_metadata jsonb, user_metadata jsonb, old_app_metadata jsonb, app_metadata jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((COALESCE(journal_changes(old_profile, profile), '{}'::jsonb) || CASE WHEN (user_metadata IS DISTINCT FROM old_user_metadata) THEN jsonb_build_object('user_metadata', journal_changes(old_user_metadata, user_metadata)) ELSE '{}'::jsonb END) || CASE WHEN (app_metadata IS DISTINCT FROM old_app_metadata) THEN jsonb_build_object('app_metadata', journal_changes(old_app_metadata, app_metadata)) ELSE '{}'::jsonb END);

CREATE FUNCTION without_credential(settings jsonb, paths text[], id text) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
declare
    pointer text;
    path    text[];
begin
    foreach pointer in array paths loop
        path := (string_to_array(pointer, '/'))[2:];
        if jsonb_typeof(settings #> path) = 'array' then
            settings := jsonb_set(settings, path, coalesce((
                select jsonb_agg(c.value order by c.ordinality)
                  from jsonb_array_elements(settings #> path) with ordinality c
                 where c.value ->> 'id' <> id), '[]'));
        end if;
    end loop;
    return settings;
end
$$;

CREATE FUNCTION write_client_aliases() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    delete from client_aliases where tenant_id = new.tenant_id and client_id = new.client_id;
    insert into client_aliases (tenant_id, alias, client_id)
    select distinct new.tenant_id, alias, new.client_id
      from jsonb_array_elements_text(new.settings -> 'client_aliases') alias
     order by alias;
    return null;
end
$$;

CREATE FUNCTION write_client_origins() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    delete from client_origins where tenant_id = new.tenant_id and client_id = new.client_id;
    insert into client_origins (tenant_id, origin, client_id)
    select new.tenant_id, origin, new.client_id
      from origins_of_client(new.settings) origin;
    return null;
end
$$;

CREATE FUNCTION write_permissions() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    -- in the order in which assignments lock them, so that the two never wait for each other
    delete from permissions
     where (tenant_id, resource_server_id, permission_name) in (
           select p.tenant_id, p.resource_server_id, p.permission_name
             from permissions p
            where p.tenant_id = new.tenant_id
              and p.resource_server_id = new.resource_server_id
              and not exists (select from jsonb_to_recordset(new.settings -> 'scopes') s(value text) where s.value = p.permission_name)
            order by p.permission_name
              for update);
    insert into permissions (tenant_id, resource_server_id, permission_name, description)
    select new.tenant_id, new.resource_server_id, s.value, s.description
      from jsonb_to_recordset(new.settings -> 'scopes') s(value text, description text)
        on conflict (tenant_id, resource_server_id, permission_name)
        do update set description = excluded.description
             where permissions.description is distinct from excluded.description;
    return null;
end
$$;

CREATE TABLE access_tokens (
    tenant_id text NOT NULL,
    digest bytea NOT NULL,
    user_id text NOT NULL,
    client_id text NOT NULL,
    scope text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    issued_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE client_aliases (
    tenant_id text NOT NULL,
    alias text NOT NULL,
    client_id text NOT NULL
);

CREATE TABLE client_assertions (
    tenant_id text NOT NULL,
    client_id text NOT NULL,
    digest bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

CREATE TABLE client_credentials (
    tenant_id text NOT NULL,
    client_id text NOT NULL,
    credential_id text NOT NULL,
    document jsonb NOT NULL,
    public_key jsonb,
    expires_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE client_grants (
    tenant_id text NOT NULL,
    grant_id text NOT NULL,
    client_id text,
    audience text NOT NULL,
    scope text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    subject_type text DEFAULT 'client'::text NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT client_grants_client_check CHECK (((client_id IS NULL) = (settings ? 'default_for'::text))),
    CONSTRAINT client_grants_subject_type_check CHECK ((subject_type = ANY (ARRAY['client'::text, 'user'::text])))
);

CREATE TABLE client_origins (
    tenant_id text NOT NULL,
    origin text NOT NULL,
    client_id text NOT NULL
);

CREATE TABLE clients (
    tenant_id text NOT NULL,
    client_id text NOT NULL,
    settings jsonb NOT NULL,
    client_metadata jsonb,
    client_secret bytea,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    secrets bytea,
    CONSTRAINT clients_secrets_size CHECK ((octet_length(secrets) <= 1000000))
);

CREATE TABLE connection_clients (
    tenant_id text NOT NULL,
    connection_id text NOT NULL,
    client_id text NOT NULL
);

CREATE TABLE connection_deletions (
    tenant_id text NOT NULL,
    connection_id text NOT NULL,
    name text NOT NULL,
    author journal_author NOT NULL,
    deleted_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    batch_size integer DEFAULT 500 NOT NULL,
    skipped_users text[] DEFAULT '{}'::text[] NOT NULL,
    failures integer DEFAULT 0 NOT NULL
);

CREATE TABLE connections (
    tenant_id text NOT NULL,
    connection_id text NOT NULL,
    name text NOT NULL,
    strategy text NOT NULL,
    options jsonb NOT NULL,
    enabled_clients text[] DEFAULT '{}'::text[],
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    secrets bytea,
    for_all_clients boolean DEFAULT false NOT NULL
);

CREATE TABLE identities (
    tenant_id text NOT NULL,
    provider text NOT NULL,
    identity_id text NOT NULL,
    user_id text NOT NULL,
    connection text NOT NULL,
    email text,
    username text,
    phone_number text
);

CREATE TABLE jobs (
    tenant_id text NOT NULL,
    job_id text NOT NULL,
    type text NOT NULL,
    status text NOT NULL,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);

CREATE TABLE journal (
    tenant_id text NOT NULL,
    transaction_id xid8 DEFAULT pg_current_xact_id() NOT NULL,
    entry_id uuid DEFAULT gen_random_uuid() NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    actor text NOT NULL,
    client_id text,
    request_id text,
    ip text,
    user_agent text,
    changes jsonb NOT NULL
);

CREATE TABLE login_attempts (
    tenant_id text NOT NULL,
    account text NOT NULL,
    connection text NOT NULL,
    ip text NOT NULL,
    identifier text NOT NULL,
    count integer NOT NULL,
    attempted_at timestamp with time zone NOT NULL
);

CREATE TABLE mails (
    tenant_id text NOT NULL,
    mail_id text NOT NULL,
    kind text NOT NULL,
    digest bytea,
    job_id text,
    recipient text NOT NULL,
    subject text NOT NULL,
    content bytea,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone NOT NULL,
    last_error text,
    sent_at timestamp with time zone,
    failed_at timestamp with time zone
);

CREATE TABLE organization_client_grants (
    tenant_id text NOT NULL,
    organization_id text NOT NULL,
    grant_id text NOT NULL
);

CREATE TABLE organizations (
    tenant_id text NOT NULL,
    organization_id text NOT NULL,
    name text NOT NULL,
    settings jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE passwords (
    tenant_id text NOT NULL,
    provider text NOT NULL,
    identity_id text NOT NULL,
    hash text NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE permissions (
    tenant_id text NOT NULL,
    resource_server_id text NOT NULL,
    permission_name text NOT NULL,
    description text
);

CREATE TABLE resource_servers (
    tenant_id text NOT NULL,
    resource_server_id text NOT NULL,
    identifier text NOT NULL,
    settings jsonb NOT NULL,
    signing_secret bytea,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE role_members (
    tenant_id text NOT NULL,
    user_id text NOT NULL,
    role_id text NOT NULL,
    assigned_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE role_permissions (
    tenant_id text NOT NULL,
    role_id text NOT NULL,
    resource_server_id text NOT NULL,
    permission_name text NOT NULL
);

CREATE TABLE roles (
    tenant_id text NOT NULL,
    role_id text NOT NULL,
    name text NOT NULL,
    description text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    type text DEFAULT 'tenant'::text NOT NULL,
    owner_id text,
    CONSTRAINT roles_type_check CHECK (((type = ANY (ARRAY['tenant'::text, 'organization'::text])) AND ((type = 'organization'::text) = (owner_id IS NOT NULL))))
);

CREATE TABLE signing_keys (
    tenant_id text NOT NULL,
    kid text NOT NULL,
    private_key bytea NOT NULL,
    public_key jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE tenant_hosts (
    host text NOT NULL,
    tenant_id text NOT NULL
);

CREATE TABLE tenants (
    tenant_id text NOT NULL,
    settings jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    tenant_settings jsonb DEFAULT default_tenant_settings() NOT NULL,
    tenant_settings_version bigint DEFAULT 1 NOT NULL,
    default_audience text GENERATED ALWAYS AS (NULLIF((tenant_settings ->> 'default_audience'::text), ''::text)) STORED,
    default_directory text GENERATED ALWAYS AS (NULLIF((tenant_settings ->> 'default_directory'::text), ''::text)) STORED
);

CREATE TABLE tickets (
    tenant_id text NOT NULL,
    digest bytea NOT NULL,
    kind text NOT NULL,
    provider text NOT NULL,
    identity_id text NOT NULL,
    email text NOT NULL,
    password_since timestamp with time zone,
    client_id text,
    result_url text,
    mark_email_as_verified boolean NOT NULL,
    include_email_in_redirect boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone
);

CREATE TABLE user_counts (
    tenant_id text NOT NULL,
    shard integer NOT NULL,
    users bigint NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE user_permissions (
    tenant_id text NOT NULL,
    user_id text NOT NULL,
    resource_server_id text NOT NULL,
    permission_name text NOT NULL
);

CREATE TABLE users (
    tenant_id text NOT NULL,
    user_id text NOT NULL,
    profile jsonb NOT NULL,
    user_metadata jsonb,
    app_metadata jsonb,
    identities jsonb NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    password_changed_at timestamp with time zone
)
WITH (fillfactor='85');

ALTER TABLE ONLY access_tokens
    ADD CONSTRAINT access_tokens_pkey PRIMARY KEY (tenant_id, digest);

ALTER TABLE ONLY client_aliases
    ADD CONSTRAINT client_aliases_pkey PRIMARY KEY (tenant_id, alias);

ALTER TABLE ONLY client_assertions
    ADD CONSTRAINT client_assertions_pkey PRIMARY KEY (tenant_id, client_id, digest);

ALTER TABLE client_credentials
    ADD CONSTRAINT client_credentials_document_size CHECK (document_fits(document)) NOT VALID;

ALTER TABLE ONLY client_credentials
    ADD CONSTRAINT client_credentials_pkey PRIMARY KEY (tenant_id, client_id, credential_id);

ALTER TABLE ONLY client_grants
    ADD CONSTRAINT client_grants_pkey PRIMARY KEY (tenant_id, grant_id);

ALTER TABLE client_grants
    ADD CONSTRAINT client_grants_settings_size CHECK (document_fits(settings)) NOT VALID;

ALTER TABLE ONLY client_origins
    ADD CONSTRAINT client_origins_pkey PRIMARY KEY (tenant_id, origin, client_id);

ALTER TABLE clients
    ADD CONSTRAINT clients_client_metadata_size CHECK (document_fits(client_metadata)) NOT VALID;

ALTER TABLE clients
    ADD CONSTRAINT clients_organizations_of_third_party CHECK ((((settings -> 'is_first_party'::text) IS DISTINCT FROM 'false'::jsonb) OR (NOT (settings ?| ARRAY['organization_usage'::text, 'organization_require_behavior'::text])))) NOT VALID;

ALTER TABLE ONLY clients
    ADD CONSTRAINT clients_pkey PRIMARY KEY (tenant_id, client_id);

ALTER TABLE clients
    ADD CONSTRAINT clients_settings_size CHECK (document_fits(settings)) NOT VALID;

ALTER TABLE ONLY connection_clients
    ADD CONSTRAINT connection_clients_pkey PRIMARY KEY (tenant_id, connection_id, client_id);

ALTER TABLE ONLY connection_deletions
    ADD CONSTRAINT connection_deletions_pkey PRIMARY KEY (tenant_id, connection_id);

ALTER TABLE ONLY connections
    ADD CONSTRAINT connections_name_key UNIQUE (tenant_id, name);

ALTER TABLE connections
    ADD CONSTRAINT connections_options_size CHECK (document_fits(options)) NOT VALID;

ALTER TABLE ONLY connections
    ADD CONSTRAINT connections_pkey PRIMARY KEY (tenant_id, connection_id);

ALTER TABLE connections
    ADD CONSTRAINT connections_secrets_size CHECK ((octet_length(secrets) <= 1000000)) NOT VALID;

ALTER TABLE connections
    ADD CONSTRAINT connections_settings_size CHECK (document_fits(settings)) NOT VALID;

ALTER TABLE ONLY identities
    ADD CONSTRAINT identities_pkey PRIMARY KEY (tenant_id, provider, identity_id);

ALTER TABLE ONLY jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (tenant_id, job_id);

ALTER TABLE ONLY journal
    ADD CONSTRAINT journal_pkey PRIMARY KEY (tenant_id, transaction_id, entry_id);

ALTER TABLE ONLY login_attempts
    ADD CONSTRAINT login_attempts_pkey PRIMARY KEY (tenant_id, account, connection, ip);

ALTER TABLE ONLY mails
    ADD CONSTRAINT mails_pkey PRIMARY KEY (tenant_id, mail_id);

ALTER TABLE ONLY organization_client_grants
    ADD CONSTRAINT organization_client_grants_pkey PRIMARY KEY (tenant_id, organization_id, grant_id);

ALTER TABLE ONLY organizations
    ADD CONSTRAINT organizations_name_key UNIQUE (tenant_id, name);

ALTER TABLE ONLY organizations
    ADD CONSTRAINT organizations_pkey PRIMARY KEY (tenant_id, organization_id);

ALTER TABLE organizations
    ADD CONSTRAINT organizations_settings_size CHECK (document_fits(settings)) NOT VALID;

ALTER TABLE ONLY passwords
    ADD CONSTRAINT passwords_pkey PRIMARY KEY (tenant_id, provider, identity_id);

ALTER TABLE ONLY permissions
    ADD CONSTRAINT permissions_pkey PRIMARY KEY (tenant_id, resource_server_id, permission_name);

ALTER TABLE ONLY resource_servers
    ADD CONSTRAINT resource_servers_identifier_key UNIQUE (tenant_id, identifier);

ALTER TABLE ONLY resource_servers
    ADD CONSTRAINT resource_servers_pkey PRIMARY KEY (tenant_id, resource_server_id);

ALTER TABLE resource_servers
    ADD CONSTRAINT resource_servers_settings_size CHECK (document_fits(settings)) NOT VALID;

ALTER TABLE ONLY role_members
    ADD CONSTRAINT role_members_pkey PRIMARY KEY (tenant_id, user_id, role_id);

ALTER TABLE ONLY role_permissions
    ADD CONSTRAINT role_permissions_pkey PRIMARY KEY (tenant_id, role_id, resource_server_id, permission_name);

ALTER TABLE ONLY roles
    ADD CONSTRAINT roles_name_key UNIQUE (tenant_id, name);

ALTER TABLE ONLY roles
    ADD CONSTRAINT roles_pkey PRIMARY KEY (tenant_id, role_id);

ALTER TABLE ONLY signing_keys
    ADD CONSTRAINT signing_keys_pkey PRIMARY KEY (tenant_id, kid);

ALTER TABLE ONLY tenant_hosts
    ADD CONSTRAINT tenant_hosts_pkey PRIMARY KEY (host);

ALTER TABLE ONLY tenants
    ADD CONSTRAINT tenants_pkey PRIMARY KEY (tenant_id);

ALTER TABLE tenants
    ADD CONSTRAINT tenants_tenant_settings_size CHECK (document_fits(tenant_settings)) NOT VALID;

ALTER TABLE ONLY tickets
    ADD CONSTRAINT tickets_pkey PRIMARY KEY (tenant_id, digest);

ALTER TABLE ONLY user_counts
    ADD CONSTRAINT user_counts_pkey PRIMARY KEY (tenant_id, shard);

ALTER TABLE ONLY user_permissions
    ADD CONSTRAINT user_permissions_pkey PRIMARY KEY (tenant_id, user_id, resource_server_id, permission_name);

ALTER TABLE ONLY user_terms
    ADD CONSTRAINT user_terms_pkey PRIMARY KEY (tenant_id, user_id);

ALTER TABLE users
    ADD CONSTRAINT users_identities_size CHECK ((pg_column_size(identities) <= 1000000)) NOT VALID;

ALTER TABLE ONLY users
    ADD CONSTRAINT users_pkey PRIMARY KEY (tenant_id, user_id);

ALTER TABLE users
    ADD CONSTRAINT users_profile_size CHECK ((pg_column_size(profile) <= 1000000)) NOT VALID;

CREATE INDEX access_tokens_user_id_idx ON access_tokens USING btree (tenant_id, user_id);

CREATE INDEX client_aliases_client_id_idx ON client_aliases USING btree (tenant_id, client_id);

CREATE INDEX client_grants_audience_idx ON client_grants USING btree (tenant_id, audience, grant_id);

CREATE UNIQUE INDEX client_grants_default_key ON client_grants USING btree (tenant_id, audience, subject_type) WHERE (client_id IS NULL);

CREATE UNIQUE INDEX client_grants_subject_type_key ON client_grants USING btree (tenant_id, client_id, audience, subject_type);

CREATE INDEX client_origins_client_id_idx ON client_origins USING btree (tenant_id, client_id);

CREATE UNIQUE INDEX clients_global_key ON clients USING btree (tenant_id) WHERE ((settings -> 'global'::text) = 'true'::jsonb);

CREATE INDEX clients_resource_server_identifier_idx ON clients USING btree (tenant_id, ((settings ->> 'resource_server_identifier'::text))) WHERE (settings ? 'resource_server_identifier'::text);

CREATE INDEX connection_clients_client_id_idx ON connection_clients USING btree (tenant_id, client_id);

CREATE INDEX connection_deletions_due_at_idx ON connection_deletions USING btree (due_at);

CREATE INDEX connection_deletions_name_idx ON connection_deletions USING btree (tenant_id, name);

CREATE INDEX identities_connection_idx ON identities USING btree (tenant_id, connection);

CREATE UNIQUE INDEX identities_email_key ON identities USING btree (tenant_id, email, connection) WHERE (email IS NOT NULL);

CREATE UNIQUE INDEX identities_phone_number_key ON identities USING btree (tenant_id, phone_number, connection) WHERE (phone_number IS NOT NULL);

CREATE INDEX identities_user_id_idx ON identities USING btree (tenant_id, user_id);

CREATE UNIQUE INDEX identities_username_key ON identities USING btree (tenant_id, username, connection) WHERE (username IS NOT NULL);

CREATE INDEX login_attempts_attempted_at_idx ON login_attempts USING btree (tenant_id, attempted_at);

CREATE INDEX mails_digest_idx ON mails USING btree (tenant_id, digest) WHERE (digest IS NOT NULL);

CREATE INDEX mails_job_idx ON mails USING btree (tenant_id, job_id) WHERE (job_id IS NOT NULL);

CREATE INDEX mails_tenant_due_idx ON mails USING btree (tenant_id, next_attempt_at) WHERE ((sent_at IS NULL) AND (failed_at IS NULL));

CREATE INDEX organization_client_grants_grant_id_idx ON organization_client_grants USING btree (tenant_id, grant_id, organization_id);

CREATE INDEX role_members_role_id_idx ON role_members USING btree (tenant_id, role_id, assigned_at, user_id);

CREATE INDEX role_permissions_permission_idx ON role_permissions USING btree (tenant_id, resource_server_id, permission_name);

CREATE INDEX roles_owner_id_idx ON roles USING btree (tenant_id, owner_id) WHERE (owner_id IS NOT NULL);

CREATE INDEX tenant_hosts_tenant_id_idx ON tenant_hosts USING btree (tenant_id);

CREATE INDEX tickets_expires_at_idx ON tickets USING btree (expires_at);

CREATE INDEX tickets_identity_idx ON tickets USING btree (tenant_id, provider, identity_id);

CREATE INDEX user_permissions_permission_idx ON user_permissions USING btree (tenant_id, resource_server_id, permission_name);

CREATE INDEX user_terms_email_idx ON user_terms USING btree (tenant_id, email, user_id) WHERE (email IS NOT NULL);

CREATE INDEX user_terms_family_name_idx ON user_terms USING btree (tenant_id, family_name, user_id) WHERE (family_name IS NOT NULL);

CREATE INDEX user_terms_given_name_idx ON user_terms USING btree (tenant_id, given_name, user_id) WHERE (given_name IS NOT NULL);

CREATE INDEX user_terms_name_idx ON user_terms USING btree (tenant_id, name, user_id) WHERE (name IS NOT NULL);

CREATE INDEX user_terms_nickname_idx ON user_terms USING btree (tenant_id, nickname, user_id) WHERE (nickname IS NOT NULL);

CREATE INDEX user_terms_phone_number_idx ON user_terms USING btree (tenant_id, phone_number, user_id) WHERE (phone_number IS NOT NULL);

CREATE INDEX user_terms_username_idx ON user_terms USING btree (tenant_id, username, user_id) WHERE (username IS NOT NULL);

CREATE INDEX users_created_at_idx ON users USING btree (tenant_id, created_at, user_id);

CREATE INDEX users_metadata_idx ON users USING gin (searchable(tenant_id, user_metadata) jsonb_path_ops, searchable(tenant_id, app_metadata) jsonb_path_ops) WITH (fastupdate=off);

CREATE TRIGGER add_terms_of_created_users AFTER INSERT ON users REFERENCING NEW TABLE AS created FOR EACH STATEMENT EXECUTE FUNCTION add_user_terms();

CREATE TRIGGER count_created_users AFTER INSERT ON users REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_users();

CREATE TRIGGER count_deleted_users AFTER DELETE ON users REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_users();

CREATE TRIGGER drop_terms_of_deleted_users AFTER DELETE ON users REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION drop_user_terms();

CREATE TRIGGER journal_is_append_only BEFORE UPDATE ON journal FOR EACH ROW EXECUTE FUNCTION journal_is_append_only();

CREATE TRIGGER keep_terms_of_changed_user AFTER UPDATE OF profile ON users FOR EACH ROW WHEN (((old.profile IS DISTINCT FROM new.profile) AND ((old.profile - '{last_login,last_ip,logins_count}'::text[]) IS DISTINCT FROM (new.profile - '{last_login,last_ip,logins_count}'::text[])))) EXECUTE FUNCTION keep_user_terms();

CREATE TRIGGER organization_client_grants_limit AFTER INSERT ON organization_client_grants REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION refuse_beyond_limit('organizations', 'organization_id', '100');

CREATE TRIGGER refuse_global_client AFTER INSERT ON connection_clients REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION refuse_global_client();

CREATE TRIGGER refuse_name_in_deletion AFTER INSERT ON connections FOR EACH ROW EXECUTE FUNCTION refuse_name_in_deletion();

CREATE TRIGGER role_members_limit AFTER INSERT ON role_members REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION refuse_beyond_limit('users', 'user_id', '50');

CREATE TRIGGER role_permissions_limit AFTER INSERT ON role_permissions REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION refuse_beyond_limit('roles', 'role_id', '1000');

CREATE TRIGGER roles_limit AFTER INSERT ON roles REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION refuse_beyond_limit('tenants', 'tenant_id', '1000');

CREATE TRIGGER user_permissions_limit AFTER INSERT ON user_permissions REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION refuse_beyond_limit('users', 'user_id', '1000');

CREATE TRIGGER write_aliases AFTER UPDATE ON clients FOR EACH ROW WHEN (((old.settings -> 'client_aliases'::text) IS DISTINCT FROM (new.settings -> 'client_aliases'::text))) EXECUTE FUNCTION write_client_aliases();

CREATE TRIGGER write_aliases_of_new AFTER INSERT ON clients FOR EACH ROW WHEN ((new.settings ? 'client_aliases'::text)) EXECUTE FUNCTION write_client_aliases();

CREATE TRIGGER write_origins AFTER UPDATE ON clients FOR EACH ROW WHEN ((((old.settings -> 'allowed_origins'::text) IS DISTINCT FROM (new.settings -> 'allowed_origins'::text)) OR ((old.settings -> 'web_origins'::text) IS DISTINCT FROM (new.settings -> 'web_origins'::text)) OR ((old.settings -> 'callbacks'::text) IS DISTINCT FROM (new.settings -> 'callbacks'::text)))) EXECUTE FUNCTION write_client_origins();

CREATE TRIGGER write_origins_of_new AFTER INSERT ON clients FOR EACH ROW WHEN ((new.settings ?| ARRAY['allowed_origins'::text, 'web_origins'::text, 'callbacks'::text])) EXECUTE FUNCTION write_client_origins();

CREATE TRIGGER write_permissions AFTER UPDATE ON resource_servers FOR EACH ROW WHEN (((old.settings -> 'scopes'::text) IS DISTINCT FROM (new.settings -> 'scopes'::text))) EXECUTE FUNCTION write_permissions();

CREATE TRIGGER write_permissions_of_new AFTER INSERT ON resource_servers FOR EACH ROW EXECUTE FUNCTION write_permissions();

ALTER TABLE ONLY access_tokens
    ADD CONSTRAINT access_tokens_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, user_id) ON DELETE CASCADE;

ALTER TABLE ONLY client_aliases
    ADD CONSTRAINT client_aliases_tenant_id_client_id_fkey FOREIGN KEY (tenant_id, client_id) REFERENCES clients(tenant_id, client_id) ON DELETE CASCADE;

ALTER TABLE ONLY client_assertions
    ADD CONSTRAINT client_assertions_tenant_id_client_id_fkey FOREIGN KEY (tenant_id, client_id) REFERENCES clients(tenant_id, client_id) ON DELETE CASCADE;

ALTER TABLE ONLY client_credentials
    ADD CONSTRAINT client_credentials_tenant_id_client_id_fkey FOREIGN KEY (tenant_id, client_id) REFERENCES clients(tenant_id, client_id) ON DELETE CASCADE;

ALTER TABLE ONLY client_grants
    ADD CONSTRAINT client_grants_tenant_id_client_id_fkey FOREIGN KEY (tenant_id, client_id) REFERENCES clients(tenant_id, client_id) ON DELETE CASCADE;

ALTER TABLE ONLY client_origins
    ADD CONSTRAINT client_origins_tenant_id_client_id_fkey FOREIGN KEY (tenant_id, client_id) REFERENCES clients(tenant_id, client_id) ON DELETE CASCADE;

ALTER TABLE ONLY clients
    ADD CONSTRAINT clients_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id) ON DELETE CASCADE;

ALTER TABLE ONLY connection_clients
    ADD CONSTRAINT connection_clients_client_fkey FOREIGN KEY (tenant_id, client_id) REFERENCES clients(tenant_id, client_id) ON DELETE CASCADE;

ALTER TABLE ONLY connection_clients
    ADD CONSTRAINT connection_clients_tenant_id_connection_id_fkey FOREIGN KEY (tenant_id, connection_id) REFERENCES connections(tenant_id, connection_id) ON DELETE CASCADE;

ALTER TABLE ONLY connection_deletions
    ADD CONSTRAINT connection_deletions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id) ON DELETE CASCADE;

ALTER TABLE ONLY connections
    ADD CONSTRAINT connections_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id) ON DELETE CASCADE;

ALTER TABLE ONLY identities
    ADD CONSTRAINT identities_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, user_id) ON DELETE CASCADE;

ALTER TABLE ONLY jobs
    ADD CONSTRAINT jobs_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id) ON DELETE CASCADE;

ALTER TABLE ONLY mails
    ADD CONSTRAINT mails_tenant_id_digest_fkey FOREIGN KEY (tenant_id, digest) REFERENCES tickets(tenant_id, digest) ON DELETE CASCADE;

ALTER TABLE ONLY organization_client_grants
    ADD CONSTRAINT organization_client_grants_tenant_id_grant_id_fkey FOREIGN KEY (tenant_id, grant_id) REFERENCES client_grants(tenant_id, grant_id) ON DELETE CASCADE;

ALTER TABLE ONLY organization_client_grants
    ADD CONSTRAINT organization_client_grants_tenant_id_organization_id_fkey FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations(tenant_id, organization_id) ON DELETE CASCADE;

ALTER TABLE ONLY organizations
    ADD CONSTRAINT organizations_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id) ON DELETE CASCADE;

ALTER TABLE ONLY passwords
    ADD CONSTRAINT passwords_tenant_id_provider_identity_id_fkey FOREIGN KEY (tenant_id, provider, identity_id) REFERENCES identities(tenant_id, provider, identity_id) ON DELETE CASCADE;

ALTER TABLE ONLY permissions
    ADD CONSTRAINT permissions_tenant_id_resource_server_id_fkey FOREIGN KEY (tenant_id, resource_server_id) REFERENCES resource_servers(tenant_id, resource_server_id) ON DELETE CASCADE;

ALTER TABLE ONLY resource_servers
    ADD CONSTRAINT resource_servers_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id) ON DELETE CASCADE;

ALTER TABLE ONLY role_members
    ADD CONSTRAINT role_members_role_fkey FOREIGN KEY (tenant_id, role_id) REFERENCES roles(tenant_id, role_id) ON DELETE CASCADE;

ALTER TABLE ONLY role_members
    ADD CONSTRAINT role_members_user_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, user_id) ON DELETE CASCADE;

ALTER TABLE ONLY role_permissions
    ADD CONSTRAINT role_permissions_owner_fkey FOREIGN KEY (tenant_id, role_id) REFERENCES roles(tenant_id, role_id) ON DELETE CASCADE;

ALTER TABLE ONLY role_permissions
    ADD CONSTRAINT role_permissions_permission_fkey FOREIGN KEY (tenant_id, resource_server_id, permission_name) REFERENCES permissions(tenant_id, resource_server_id, permission_name) ON DELETE CASCADE;

ALTER TABLE ONLY roles
    ADD CONSTRAINT roles_owner_fkey FOREIGN KEY (tenant_id, owner_id) REFERENCES organizations(tenant_id, organization_id) ON DELETE CASCADE;

ALTER TABLE ONLY roles
    ADD CONSTRAINT roles_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id) ON DELETE CASCADE;

ALTER TABLE ONLY signing_keys
    ADD CONSTRAINT signing_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id) ON DELETE CASCADE;

ALTER TABLE ONLY tenant_hosts
    ADD CONSTRAINT tenant_hosts_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id) ON DELETE CASCADE;

ALTER TABLE ONLY tickets
    ADD CONSTRAINT tickets_tenant_id_provider_identity_id_fkey FOREIGN KEY (tenant_id, provider, identity_id) REFERENCES identities(tenant_id, provider, identity_id) ON DELETE CASCADE;

ALTER TABLE ONLY user_permissions
    ADD CONSTRAINT user_permissions_owner_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, user_id) ON DELETE CASCADE;

ALTER TABLE ONLY user_permissions
    ADD CONSTRAINT user_permissions_permission_fkey FOREIGN KEY (tenant_id, resource_server_id, permission_name) REFERENCES permissions(tenant_id, resource_server_id, permission_name) ON DELETE CASCADE;

