-- A token of a user ends when the user is blocked or deleted and when a password changes; the statements that read or
-- change the user by such a token apply one rule. The limit of mails for a new password is counted under a lock.

-- Null until a password of the user is replaced or removed.
alter table users add column password_changed_at timestamptz;

alter table access_tokens add column issued_at timestamptz not null default now();

-- Is a token of a user valid? `issued_at` is null for a token that is not the user's own.
create function token_is_valid(
    issued_at timestamptz, profile jsonb, created_at timestamptz, password_changed_at timestamptz) returns boolean
language sql immutable parallel safe
return issued_at is null
    or profile -> 'blocked' is distinct from 'true' and issued_at >= greatest(created_at, password_changed_at);

-- The number of links for a new password that the identity with an address got since a time. Requests for an address
-- run one after the other: the lock lasts to the end of the transaction, and the query of a volatile function sees what
-- the previous holder committed. An unknown address is locked alike, so the time of an answer does not show which exist.
create function count_password_changes(
    of_tenant text, of_connection text, of_email text, since timestamptz) returns bigint
language plpgsql volatile
as $$
begin
    perform pg_advisory_xact_lock(hashtextextended(format('%L %L %L', of_tenant, of_connection, of_email), 0));
    return (select count(*)
              from identities i
              join tickets t
                on t.tenant_id = i.tenant_id
               and t.provider = i.provider
               and t.identity_id = i.identity_id
             where i.tenant_id = of_tenant
               and i.email = of_email
               and i.connection = of_connection
               and t.kind = 'password_change'
               and t.created_at > since);
end
$$;
