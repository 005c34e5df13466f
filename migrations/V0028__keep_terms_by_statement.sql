-- Triggers alone write user_terms, so a foreign key only costs: its check reads and locks the user of each new row.
alter table user_terms drop constraint user_terms_tenant_id_user_id_fkey;

create function drop_user_terms() returns trigger language plpgsql as $$
begin
    delete from user_terms t
     using deleted d
     where t.tenant_id = d.tenant_id
       and t.user_id = d.user_id;
    return null;
end
$$;
create trigger drop_terms_of_deleted_users after delete on users
    referencing old table as deleted
    for each statement execute function drop_user_terms();

-- Once a statement, since a statement creates many users.
create function add_user_terms() returns trigger language plpgsql as $$
begin
    insert into user_terms
    select t.*
      from created c
     cross join lateral terms_of_user(c.tenant_id, c.user_id, c.profile) t;
    return null;
end
$$;
drop trigger keep_terms_of_created_user on users;
create trigger add_terms_of_created_users after insert on users
    referencing new table as created
    for each statement execute function add_user_terms();
