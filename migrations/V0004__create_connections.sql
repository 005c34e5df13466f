create table connections (
    tenant_id     text not null references tenants on delete cascade,
    connection_id text not null,
    name          text not null,
    strategy      text not null,
    options       jsonb not null,
    -- client ids; null means every client of the tenant
    enabled_clients text[],
    version       bigint not null default 1,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    primary key (tenant_id, connection_id),
    constraint connections_name_key unique (tenant_id, name)
);
