-- What Auth0 answers since 2025 and 2026: roles of organizations, grants for all third-party clients, and the client
-- that an API is linked with.

alter table roles
    add column type text not null default 'tenant',
    add column owner_id text,
    add constraint roles_type_check check (type in ('tenant', 'organization') and (type = 'organization') = (owner_id is not null)),
    add constraint roles_owner_fkey foreign key (tenant_id, owner_id) references organizations on delete cascade;

-- the cascade from an organization
create index roles_owner_id_idx on roles (tenant_id, owner_id) where owner_id is not null;

-- A default grant has no client. Its kind is `default_for` among the settings.
alter table client_grants
    alter column client_id drop not null,
    add constraint client_grants_client_check check ((client_id is null) = (settings ? 'default_for'));

create unique index client_grants_default_key on client_grants (tenant_id, audience, subject_type) where client_id is null;

-- the client of an API
create index clients_resource_server_identifier_idx
    on clients (tenant_id, (settings ->> 'resource_server_identifier'))
 where settings ? 'resource_server_identifier';
