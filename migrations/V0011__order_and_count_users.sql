-- Lists of users are in the order of their creation. A PATCH changes no column of this index, so it stays within its
-- page.
create index users_created_at_idx on users (tenant_id, created_at, user_id);

-- Most clients ask for the total with every page, and counting a million rows takes a tenth of a second and more. So
-- the count is kept, by whatever makes or deletes users and in the same transaction: it is exact in every snapshot.
-- One row a tenant would make all who create users wait for each other; each connection counts in a row of its own,
-- as far as 64 rows go. They are locked last, when the statement has all other locks it needs, and in one order.
create table user_counts (
    tenant_id text not null,
    shard     integer not null,
    -- negative where users are deleted on another connection than they were made on
    users     bigint not null,
    primary key (tenant_id, shard)
) with (fillfactor = 50);

create function count_users() returns trigger language plpgsql as $$
begin
    insert into user_counts (tenant_id, shard, users)
    select tenant_id, pg_backend_pid() % 64, case tg_op when 'INSERT' then count(*) else -count(*) end
      from changed
     group by tenant_id
     order by tenant_id
        on conflict (tenant_id, shard) do update set users = user_counts.users + excluded.users;
    return null;
end
$$;
create trigger count_created_users after insert on users referencing new table as changed
    for each statement execute function count_users();
create trigger count_deleted_users after delete on users referencing old table as changed
    for each statement execute function count_users();

-- The triggers keep everybody else from writing until this is committed.
insert into user_counts (tenant_id, shard, users) select tenant_id, 0, count(*) from users group by tenant_id;
