-- A ticket is a link that lets whoever holds it do one thing once: set the password of an identity, or prove that its
-- address can be read. Only the digest of what the link carries is kept.
create table tickets (
    tenant_id                 text not null,
    digest                    bytea not null,
    kind                      text not null,
    provider                  text not null,
    identity_id               text not null,
    -- as they were when the ticket was made: it ends with either of them
    email                     text not null,
    password_since            timestamptz,
    client_id                 text,
    result_url                text,
    mark_email_as_verified    boolean not null,
    include_email_in_redirect boolean not null,
    created_at                timestamptz not null,
    expires_at                timestamptz not null,
    used_at                   timestamptz,
    primary key (tenant_id, digest),
    foreign key (tenant_id, provider, identity_id) references identities on delete cascade
);
create index tickets_identity_idx on tickets (tenant_id, provider, identity_id);
-- For the sweep of all tenants, so without tenant_id in front.
create index tickets_expires_at_idx on tickets (expires_at);

-- Mail on its way out, written by the statement that makes its cause. It goes with its ticket.
create table mails (
    tenant_id       text not null,
    mail_id         text not null,
    kind            text not null,
    digest          bytea,
    job_id          text,
    recipient       text not null,
    subject         text not null,
    -- text, HTML and link, sealed with the key of the deployment because of the link; gone once the mail is
    content         bytea,
    created_at      timestamptz not null,
    expires_at      timestamptz not null,
    attempts        int not null default 0,
    next_attempt_at timestamptz not null,
    last_error      text,
    sent_at         timestamptz,
    failed_at       timestamptz,
    primary key (tenant_id, mail_id),
    foreign key (tenant_id, digest) references tickets on delete cascade
);
create index mails_digest_idx on mails (tenant_id, digest) where digest is not null;
-- The one queue of all tenants, so without tenant_id in front; it holds only what was not sent yet.
create index mails_due_idx on mails (next_attempt_at) where sent_at is null and failed_at is null;
