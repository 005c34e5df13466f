-- What a search by equality, by prefix or by a part of a text finds without looking at every user of the tenant. All of
-- it only proposes users: whether one is meant is asked of its document.

-- Whoever writes a user waits: between the copy and the trigger none may be missed.
lock table users in share row exclusive mode;

-- Texts that are compared without regard to case. The collation of a database may know no letters but ASCII's, so one
-- that knows them all is taken where there is one.
do $$
begin
    execute format('create function fold_case(value text) returns text language sql immutable parallel safe return lower(value%s)',
        case when exists (select from pg_collation where collname = 'und-x-icu') then ' collate "und-x-icu"' else '' end);
end
$$;

-- The texts a user is known by, without regard to case: one row a user. Not indexes on users: a PATCH of metadata would
-- have to enter every text again. A name that is computed is one of the other texts; a nickname is a part of one.
create table user_terms (
    tenant_id    text not null,
    user_id      text not null,
    email        text collate "C",
    username     text collate "C",
    phone_number text collate "C",
    name         text collate "C",
    given_name   text collate "C",
    family_name  text collate "C",
    nickname     text collate "C",
    primary key (tenant_id, user_id)
);

create function terms_of_user(tenant_id text, user_id text, profile jsonb) returns user_terms
language sql immutable parallel safe as $$
    select tenant_id, user_id, fold_case(profile ->> 'email'), fold_case(profile ->> 'username'), profile ->> 'phone_number',
           fold_case(profile ->> 'name'), fold_case(profile ->> 'given_name'), fold_case(profile ->> 'family_name'),
           fold_case(coalesce(profile ->> 'nickname', split_part(coalesce(profile ->> 'email', profile ->> 'username', profile ->> 'phone_number', ''), '@', 1)))
$$;

-- Before there are indexes, which are quicker to build at once.
insert into user_terms select t.* from users u, terms_of_user(u.tenant_id, u.user_id, u.profile) t;
alter table user_terms add foreign key (tenant_id, user_id) references users on delete cascade;
create index user_terms_email_idx on user_terms (tenant_id, email, user_id) where email is not null;
create index user_terms_username_idx on user_terms (tenant_id, username, user_id) where username is not null;
create index user_terms_phone_number_idx on user_terms (tenant_id, phone_number, user_id) where phone_number is not null;
create index user_terms_name_idx on user_terms (tenant_id, name, user_id) where name is not null;
create index user_terms_given_name_idx on user_terms (tenant_id, given_name, user_id) where given_name is not null;
create index user_terms_family_name_idx on user_terms (tenant_id, family_name, user_id) where family_name is not null;
create index user_terms_nickname_idx on user_terms (tenant_id, nickname, user_id) where nickname is not null;

create function keep_user_terms() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        delete from user_terms where tenant_id = new.tenant_id and user_id = new.user_id;
    end if;
    insert into user_terms select t.* from terms_of_user(new.tenant_id, new.user_id, new.profile) t;
    return null;
end
$$;
create trigger keep_terms_of_created_user after insert on users for each row execute function keep_user_terms();
-- Not a login, which changes a profile too.
create trigger keep_terms_of_changed_user after update of profile on users for each row
    when (old.profile is distinct from new.profile
          and old.profile - '{last_login,last_ip,logins_count}'::text[] is distinct from new.profile - '{last_login,last_ip,logins_count}'::text[])
    execute function keep_user_terms();

-- A document below its tenant, so that the tenant is a part of every key of the index.
create function searchable(tenant_id text, metadata jsonb) returns jsonb
language sql immutable parallel safe
return jsonb_set(jsonb_object(array[tenant_id, '']), array[tenant_id], metadata);
