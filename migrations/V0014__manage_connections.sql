-- Connections are managed through the API. Which clients may use one is a row each: thousands of them are no burden to
-- a login that looks for one, and whoever adds one does not overwrite what another adds.
alter table connections
    -- what the document has besides id, name, strategy, options and enabled_clients
    add column settings jsonb not null default '{}',
    -- what options show as *****, sealed with the key of the deployment
    add column secrets bytea,
    -- whatever connection_clients has: all clients of the tenant
    add column for_all_clients boolean not null default false,
    -- not read any more; an instance of before takes a connection that is new for one that no client may use
    alter column enabled_clients set default '{}';

create table connection_clients (
    tenant_id     text not null,
    connection_id text not null,
    client_id     text not null,
    primary key (tenant_id, connection_id, client_id),
    foreign key (tenant_id, connection_id) references connections on delete cascade,
    constraint connection_clients_client_fkey foreign key (tenant_id, client_id) references clients on delete cascade
);
create index connection_clients_client_id_idx on connection_clients (tenant_id, client_id);

-- The global client stands for the tenant and uses no connection. Where a statement names it, there is no such client.
create function refuse_global_client() returns trigger language plpgsql as $$
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
create trigger refuse_global_client after insert on connection_clients
    referencing new table as made
    for each statement execute function refuse_global_client();

update connections set for_all_clients = enabled_clients is null;
insert into connection_clients (tenant_id, connection_id, client_id)
select c.tenant_id, c.connection_id, k.client_id
  from connections c
  join clients k on k.tenant_id = c.tenant_id and k.client_id = any(c.enabled_clients);

-- Connections that are gone and whose users may still be there: the queue of whoever erases them, for all tenants.
create table connection_deletions (
    tenant_id     text not null references tenants on delete cascade,
    connection_id text not null,
    name          text not null,
    -- who deleted it, as the journal's columns from entry_id on
    author        text[] not null,
    deleted_at    timestamptz not null,
    -- when to look for users again
    due_at        timestamptz not null,
    primary key (tenant_id, connection_id)
);
create index connection_deletions_name_idx on connection_deletions (tenant_id, name);
create index connection_deletions_due_at_idx on connection_deletions (due_at);

-- A new connection does not inherit the users of one that is gone. A trigger, not a part of the statement: its own
-- statements see what was committed while the name was waited for.
create function refuse_name_in_deletion() returns trigger language plpgsql as $$
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
create trigger refuse_name_in_deletion after insert on connections
    for each row execute function refuse_name_in_deletion();

-- For the users of one connection among those of many.
create index identities_connection_idx on identities (tenant_id, connection);
