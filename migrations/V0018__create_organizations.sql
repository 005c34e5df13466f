-- Organizations, and the client grants that are associated with them. Whatever an association refers to takes it along
-- when it goes.
create table organizations (
    tenant_id       text not null references tenants on delete cascade,
    organization_id text not null,
    name            text not null,
    -- as it is answered, but for the columns above
    settings        jsonb not null,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    primary key (tenant_id, organization_id),
    constraint organizations_name_key unique (tenant_id, name)
);

create table organization_client_grants (
    tenant_id       text not null,
    organization_id text not null,
    grant_id        text not null,
    primary key (tenant_id, organization_id, grant_id),
    foreign key (tenant_id, organization_id) references organizations on delete cascade,
    foreign key (tenant_id, grant_id) references client_grants on delete cascade
);
-- the organizations of a grant in the order they are listed
create index organization_client_grants_grant_id_idx on organization_client_grants (tenant_id, grant_id, organization_id);
create trigger organization_client_grants_limit after insert on organization_client_grants
    referencing new table as added for each statement execute function refuse_beyond_limit('organizations', 'organization_id', 100);
