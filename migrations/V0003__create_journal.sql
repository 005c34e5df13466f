-- The record of every change, append-only, written by the statement that makes the change.
-- Position: (transaction_id, entry_id). A reader that follows the journal stops before transactions that are still
-- running, by transaction_id < pg_snapshot_xmin(pg_current_snapshot()), so that no row committed late is skipped.
create table journal (
    -- no foreign key: its check would lock the tenant's row, the same one for every change of the tenant
    tenant_id      text not null,
    transaction_id xid8 not null default pg_current_xact_id(),
    entry_id       uuid not null,
    at             timestamptz not null default clock_timestamp(),
    kind           text not null,
    subject        text not null,
    -- who: the token's subject and the client it was issued to, or the command that was run
    actor          text not null,
    client_id      text,
    request_id     text,
    ip             text,
    user_agent     text,
    changes        jsonb not null,
    primary key (tenant_id, transaction_id, entry_id)
);

create function journal_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the journal is append-only';
end
$$;
create trigger journal_is_append_only before update on journal
    for each row execute function journal_is_append_only();
