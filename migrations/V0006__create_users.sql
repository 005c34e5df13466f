-- A user is a document. profile holds the root attributes that were given, never the computed ones (name, nickname,
-- picture without a value); identities is the array as it is answered. No column of an index changes with metadata,
-- and pages are left some room, so that a PATCH stays within its page.
create table users (
    tenant_id     text not null,
    user_id       text not null,
    profile       jsonb not null,
    user_metadata jsonb,
    app_metadata  jsonb,
    identities    jsonb not null,
    version       bigint not null default 1,
    created_at    timestamptz not null,
    updated_at    timestamptz not null,
    primary key (tenant_id, user_id)
) with (fillfactor = 85);

-- No foreign keys to tenants and connections: their check would lock one row for every user that is made.

-- One row an identity: which user it belongs to, and what must be unique within its connection.
create table identities (
    tenant_id    text not null,
    provider     text not null,
    identity_id  text not null,
    user_id      text not null,
    connection   text not null,
    email        text,
    username     text,
    phone_number text,
    primary key (tenant_id, provider, identity_id),
    foreign key (tenant_id, user_id) references users on delete cascade
);
create unique index identities_email_key on identities (tenant_id, email, connection) where email is not null;
create unique index identities_username_key on identities (tenant_id, username, connection) where username is not null;
create unique index identities_phone_number_key on identities (tenant_id, phone_number, connection) where phone_number is not null;
create index identities_user_id_idx on identities (tenant_id, user_id);

-- Away from the documents, so that no query that answers a client can carry one along.
create table passwords (
    tenant_id   text not null,
    provider    text not null,
    identity_id text not null,
    hash        text not null,
    updated_at  timestamptz not null default now(),
    primary key (tenant_id, provider, identity_id),
    foreign key (tenant_id, provider, identity_id) references identities on delete cascade
);
