-- A round of an erasure that fails is repeated with fewer users, down to the one that fails, which is then passed over.
alter table connection_deletions
    add column batch_size integer not null default 500,
    -- Users that the present passes leave out.
    add column skipped_users text[] not null default '{}',
    -- Failures since the last user was erased.
    add column failures integer not null default 0;
