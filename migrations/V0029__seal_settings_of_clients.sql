-- Add-ons and encryption keys of clients hold secrets. Their values are sealed here and masked in the settings.
alter table clients
    add column secrets bytea,
    add constraint clients_secrets_size check (octet_length(secrets) <= 1000000);

-- The origins of the web pages that may read responses (CORS), of all clients of a tenant in one index.
create table client_origins (
    tenant_id text not null,
    origin    text not null,
    client_id text not null,
    primary key (tenant_id, origin, client_id),
    foreign key (tenant_id, client_id) references clients on delete cascade
);
create index client_origins_client_id_idx on client_origins (tenant_id, client_id);

-- Scheme and authority of each URL that a client lists; a longer host than DNS allows is left out.
create function origins_of_client(settings jsonb) returns setof text
language sql immutable parallel safe as $$
    select distinct o.origin
      from unnest(array['allowed_origins', 'web_origins', 'callbacks']) as list(name)
     cross join jsonb_array_elements_text(case when jsonb_typeof(settings -> list.name) = 'array'
                                               then settings -> list.name
                                               else '[]' end) as url
     cross join lateral (select lower(substring(url from '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#@[:space:]]+')) as origin) o
     where length(o.origin) <= 300
$$;

create function write_client_origins() returns trigger language plpgsql as $$
begin
    delete from client_origins where tenant_id = new.tenant_id and client_id = new.client_id;
    insert into client_origins (tenant_id, origin, client_id)
    select new.tenant_id, origin, new.client_id
      from origins_of_client(new.settings) origin;
    return null;
end
$$;
create trigger write_origins_of_new after insert on clients
    for each row when (new.settings ?| array['allowed_origins', 'web_origins', 'callbacks'])
    execute function write_client_origins();
create trigger write_origins after update on clients
    for each row when (old.settings -> 'allowed_origins' is distinct from new.settings -> 'allowed_origins'
                       or old.settings -> 'web_origins' is distinct from new.settings -> 'web_origins'
                       or old.settings -> 'callbacks' is distinct from new.settings -> 'callbacks')
    execute function write_client_origins();

insert into client_origins (tenant_id, origin, client_id)
select c.tenant_id, origin, c.client_id
  from clients c
 cross join origins_of_client(c.settings) origin;
