-- Roles, who has them, and what roles and users may do. Whatever an assignment refers to takes it along when it goes;
-- the foreign keys also tell which part of an assignment does not exist.
create table roles (
    tenant_id   text not null references tenants on delete cascade,
    role_id     text not null,
    name        text not null,
    description text,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    primary key (tenant_id, role_id),
    constraint roles_name_key unique (tenant_id, name)
);

create table role_members (
    tenant_id   text not null,
    user_id     text not null,
    role_id     text not null,
    assigned_at timestamptz not null default now(),
    primary key (tenant_id, user_id, role_id),
    constraint role_members_user_fkey foreign key (tenant_id, user_id) references users on delete cascade,
    constraint role_members_role_fkey foreign key (tenant_id, role_id) references roles on delete cascade
);
-- the members of a role in the order they are listed
create index role_members_role_id_idx on role_members (tenant_id, role_id, assigned_at, user_id);

create table role_permissions (
    tenant_id          text not null,
    role_id            text not null,
    resource_server_id text not null,
    permission_name    text not null,
    primary key (tenant_id, role_id, resource_server_id, permission_name),
    constraint role_permissions_owner_fkey foreign key (tenant_id, role_id) references roles on delete cascade,
    constraint role_permissions_permission_fkey foreign key (tenant_id, resource_server_id, permission_name)
        references permissions on delete cascade
);
create index role_permissions_permission_idx on role_permissions (tenant_id, resource_server_id, permission_name);

create table user_permissions (
    tenant_id          text not null,
    user_id            text not null,
    resource_server_id text not null,
    permission_name    text not null,
    primary key (tenant_id, user_id, resource_server_id, permission_name),
    constraint user_permissions_owner_fkey foreign key (tenant_id, user_id) references users on delete cascade,
    constraint user_permissions_permission_fkey foreign key (tenant_id, resource_server_id, permission_name)
        references permissions on delete cascade
);
create index user_permissions_permission_idx on user_permissions (tenant_id, resource_server_id, permission_name);

-- Refuses rows beyond a number for each owner. Arguments: the owners' table, its id, the number. The owners are locked
-- first, in one order, and counted by a statement that sees what was committed meanwhile: no race gets past it. Fails as a
-- constraint named TABLE_limit. A statement that inserts locks the owners itself, before the foreign keys do so more weakly.
create function refuse_beyond_limit() returns trigger language plpgsql as $$
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
$$;
create trigger roles_limit after insert on roles
    referencing new table as added for each statement execute function refuse_beyond_limit('tenants', 'tenant_id', 1000);
create trigger role_members_limit after insert on role_members
    referencing new table as added for each statement execute function refuse_beyond_limit('users', 'user_id', 50);
create trigger role_permissions_limit after insert on role_permissions
    referencing new table as added for each statement execute function refuse_beyond_limit('roles', 'role_id', 1000);
create trigger user_permissions_limit after insert on user_permissions
    referencing new table as added for each statement execute function refuse_beyond_limit('users', 'user_id', 1000);
