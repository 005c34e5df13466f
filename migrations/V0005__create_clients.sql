create table clients (
    tenant_id       text not null references tenants on delete cascade,
    client_id       text not null,
    settings        jsonb not null,
    client_metadata jsonb,
    -- sealed with the key of the deployment; never in the document
    client_secret   bytea,
    version         bigint not null default 1,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    primary key (tenant_id, client_id)
);

-- What a client may ask of an API by client credentials.
create table client_grants (
    tenant_id  text not null,
    grant_id   text not null,
    client_id  text not null,
    audience   text not null,
    scope      text[] not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (tenant_id, grant_id),
    constraint client_grants_client_id_audience_key unique (tenant_id, client_id, audience),
    foreign key (tenant_id, client_id) references clients on delete cascade
);
