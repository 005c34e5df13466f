-- What logging in leaves behind: tokens that say nothing by themselves, and how often somebody was wrong.

-- Access tokens for /userinfo alone. Only a digest is kept: who reads this table cannot use it.
create table access_tokens (
    tenant_id  text not null,
    digest     bytea not null,
    user_id    text not null,
    client_id  text not null,
    scope      text not null,
    expires_at timestamptz not null,
    primary key (tenant_id, digest),
    foreign key (tenant_id, user_id) references users on delete cascade
);
create index access_tokens_user_id_idx on access_tokens (tenant_id, user_id);

-- Logins that were tried and did not succeed since the last one that did; each is counted before its password is
-- verified, so that guesses made at the same time are counted too.
-- account is the user's id, or - and the identifier where nobody has it: whether somebody does must not show.
-- One row for each address, and one without (ip is '') for all of them together.
create table login_attempts (
    tenant_id    text not null,
    account      text not null,
    connection   text not null,
    ip           text not null,
    -- as it was typed last
    identifier   text not null,
    count        integer not null,
    attempted_at timestamptz not null,
    primary key (tenant_id, account, connection, ip)
);
create index login_attempts_attempted_at_idx on login_attempts (tenant_id, attempted_at);
