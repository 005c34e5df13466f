-- An API that tokens are for, as a document. Its scopes stand in settings as they are answered, and once more as rows,
-- so that what is assigned to roles and users can refer to them. Postgres keeps the rows: no writer can forget them.
create table resource_servers (
    tenant_id          text not null references tenants on delete cascade,
    resource_server_id text not null,
    identifier         text not null,
    settings           jsonb not null,
    -- sealed with the key of the deployment; never in the document
    signing_secret     bytea,
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now(),
    primary key (tenant_id, resource_server_id),
    constraint resource_servers_identifier_key unique (tenant_id, identifier)
);

create table permissions (
    tenant_id          text not null,
    resource_server_id text not null,
    permission_name    text not null,
    description        text,
    primary key (tenant_id, resource_server_id, permission_name),
    foreign key (tenant_id, resource_server_id) references resource_servers on delete cascade
);

-- A trigger, not a part of the statement: its own statements see what was committed while it waited for the row.
create function write_permissions() returns trigger language plpgsql as $$
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
create trigger write_permissions_of_new after insert on resource_servers
    for each row execute function write_permissions();
create trigger write_permissions after update on resource_servers
    for each row when (old.settings -> 'scopes' is distinct from new.settings -> 'scopes')
    execute function write_permissions();
