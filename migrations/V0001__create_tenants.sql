-- A tenant is an identity store of its own. Everything else carries tenant_id as the first column of its keys.
-- These three tables are the only ones that are read without knowing the tenant: they tell which one it is.
create table tenants (
    tenant_id  text primary key,
    settings   jsonb not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

-- A host names one tenant.
create table tenant_hosts (
    host      text primary key,
    tenant_id text not null references tenants on delete cascade
);
create index tenant_hosts_tenant_id_idx on tenant_hosts (tenant_id);

-- The keys a tenant's tokens are signed with. The private half is sealed with the key of the deployment.
create table signing_keys (
    tenant_id   text not null references tenants on delete cascade,
    kid         text not null,
    private_key bytea not null,
    public_key  jsonb not null,
    created_at  timestamptz not null default now(),
    primary key (tenant_id, kid)
);
