-- What a client shows instead of a secret: public keys and certificates.
create table client_credentials (
    tenant_id     text not null,
    client_id     text not null,
    credential_id text not null,
    -- as it is answered, but for the columns below
    document      jsonb not null,
    -- a JSON Web Key, where signatures are to be verified by it
    public_key    jsonb,
    expires_at    timestamptz,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    primary key (tenant_id, client_id, credential_id),
    foreign key (tenant_id, client_id) references clients on delete cascade
);

-- The settings of a client without a credential, wherever they name it; paths as RFC 6901 has them.
create function without_credential(settings jsonb, paths text[], id text) returns jsonb
language plpgsql immutable parallel safe as $$
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

-- journal_changes where it must not tell the values of some keys.
create function masked_changes(changes jsonb, names text[]) returns jsonb
language sql immutable parallel safe as $$
    select changes || coalesce((
        select jsonb_object_agg(c.key, (select jsonb_object_agg(side, '*****') from jsonb_object_keys(c.value) side))
          from jsonb_each(changes) c
         where c.key = any(names)), '{}')
$$;

-- No two clients of a tenant have an alias in common.
create table client_aliases (
    tenant_id text not null,
    alias     text not null,
    client_id text not null,
    primary key (tenant_id, alias),
    foreign key (tenant_id, client_id) references clients on delete cascade
);
create index client_aliases_client_id_idx on client_aliases (tenant_id, client_id);

-- A trigger, not a part of the statement: its own statements see what was committed while it waited for the row.
create function write_client_aliases() returns trigger language plpgsql as $$
begin
    delete from client_aliases where tenant_id = new.tenant_id and client_id = new.client_id;
    insert into client_aliases (tenant_id, alias, client_id)
    select distinct new.tenant_id, alias, new.client_id
      from jsonb_array_elements_text(new.settings -> 'client_aliases') alias
     order by alias;
    return null;
end
$$;
create trigger write_aliases_of_new after insert on clients
    for each row when (new.settings ? 'client_aliases')
    execute function write_client_aliases();
create trigger write_aliases after update on clients
    for each row when (old.settings -> 'client_aliases' is distinct from new.settings -> 'client_aliases')
    execute function write_client_aliases();

-- Not validated: a client that was made before stays as it is until it is changed.
alter table clients add constraint clients_organizations_of_third_party
    check (settings -> 'is_first_party' is distinct from 'false'
           or not settings ?| array['organization_usage', 'organization_require_behavior'])
    not valid;

-- The global client stands for settings of the whole tenant. Every tenant has one, and no more.
create unique index clients_global_key on clients (tenant_id) where settings -> 'global' = 'true';

create function global_client() returns jsonb language sql immutable parallel safe as $$
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

with made as (
    insert into clients (tenant_id, client_id, settings)
    select tenant_id, replace(gen_random_uuid()::text, '-', ''), global_client() from tenants
 returning *
)
insert into journal (tenant_id, entry_id, kind, subject, actor, changes)
select tenant_id, gen_random_uuid(), 'client.created', client_id, 'command:migrate', journal_changes(null, settings)
  from made;

-- Assertions by which clients authenticated, until they expire: each is good for one time.
create table client_assertions (
    tenant_id  text not null,
    client_id  text not null,
    -- SHA-256 of the assertion's id
    digest     bytea not null,
    expires_at timestamptz not null,
    primary key (tenant_id, client_id, digest),
    foreign key (tenant_id, client_id) references clients on delete cascade
);
