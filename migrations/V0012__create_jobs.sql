-- Work that was asked for and is done later. status: pending, processing, completed, failed.
create table jobs (
    tenant_id  text not null references tenants on delete cascade,
    job_id     text not null,
    type       text not null,
    status     text not null,
    -- what the document tells besides id, type, status and created_at
    details    jsonb not null default '{}',
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, job_id)
);
