#!/usr/bin/env bash
# Loads a tenant of a million users and one of a hundred thousand, and shows the plans of the statements that
# list users. bench/statements.rs prints the product's own statements. Results: lists.md.
#
#   bench/lists.sh                           in a PostgreSQL of its own, deleted at the end
#   DATABASE_URL=postgres://... bench/lists.sh       in an empty database
#   USERS=100000 bench/lists.sh              with fewer users
#
# PostgreSQL's programs come from ROSTER_PG_BIN, PATH, or the directories of distributions.
set -euo pipefail
cd "$(dirname "$0")/.."
users=${USERS:-1000000}

for bin in "${ROSTER_PG_BIN:-}" $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV) /usr/local/pgsql/bin; do
    if [ -x "$bin/initdb" ]; then PATH=$bin:$PATH; break; fi
done

if [ -z "${DATABASE_URL:-}" ]; then
    home=$(mktemp -d)
    # PostgreSQL does not run as root.
    as=(); if [ "$(id -u)" = 0 ]; then as=(runuser -u "$(id -un postgres 2>/dev/null || echo nobody)" --); fi
    if [ "$(id -u)" = 0 ]; then chown "${as[2]}" "$home"; fi
    trap '"${as[@]}" pg_ctl -D "$home/data" -m immediate stop >/dev/null; rm -rf "$home"' EXIT
    "${as[@]}" initdb -D "$home/data" -A trust -U roster --locale=C --encoding=UTF8 >/dev/null
    "${as[@]}" pg_ctl -D "$home/data" -l "$home/log" -w start \
        -o "-k $home -c listen_addresses='' -c shared_buffers=2GB -c max_wal_size=8GB -c fsync=off" >/dev/null
    DATABASE_URL="postgres:///postgres?host=$home&user=roster"
fi
export PGOPTIONS='-c jit=off'
sql() { psql -X -q -v ON_ERROR_STOP=1 "$DATABASE_URL" "$@"; }

if [ -n "$(sql -Atc "select to_regclass('users')")" ]; then
    echo "The database is not empty: there is a table users." >&2
    exit 1
fi
# In transactions as in src/db/migrate.rs.
for file in migrations/V*.sql; do
    if [ "$(head -1 "$file")" = '-- refinery: no-transaction' ]; then sql -f "$file"; else sql -1 -f "$file"; fi >/dev/null
done

echo "Loading $users users ..."
sql -v users="$users" <<'SQL'
insert into users (tenant_id, user_id, profile, user_metadata, app_metadata, identities, created_at, updated_at)
select t.tenant_id, 'auth0|' || identity.id,
       jsonb_strip_nulls(jsonb_build_object(
           'email', 'user' || n || '@example' || n % 97 || '.com', 'email_verified', n % 3 > 0,
           'name', case when n % 2 = 0 then 'Given' || md5(n::text) || ' Family' || n % 5000 end,
           'given_name', case when n % 2 = 0 then 'Given' || md5(n::text) end,
           'family_name', case when n % 2 = 0 then 'Family' || n % 5000 end,
           'username', case when n % 5 = 0 then 'user' || n end,
           'logins_count', case when n % 4 > 0 then n % 300 end,
           'last_ip', case when n % 4 > 0 then '192.0.2.' || n % 250 end)),
       case when n % 3 > 0 then jsonb_build_object('hobby', 'surfing', 'addresses', jsonb_build_object('home', n || ' Main Street, Anytown, ST 12345')) end,
       case when n % 2 = 0 then jsonb_build_object('plan', 'full', 'credits', n % 1000) end,
       jsonb_build_array(jsonb_build_object('connection', 'Username-Password-Authentication', 'user_id', identity.id, 'provider', 'auth0', 'isSocial', false)),
       made.at, made.at
  from (values ('big', :users), ('other', :users / 10)) t(tenant_id, users),
       generate_series(1, t.users) n,
       lateral (select timestamptz '2023-01-01' + n * interval '60.123456 seconds' as at) made,
       lateral (select lpad(to_hex(extract(epoch from made.at)::bigint), 8, '0') || left(md5(t.tenant_id || n), 16) as id) identity;
insert into identities (tenant_id, provider, identity_id, user_id, connection, email, username)
select tenant_id, 'auth0', split_part(user_id, '|', 2), user_id, 'Username-Password-Authentication', profile ->> 'email', profile ->> 'username'
  from users;
vacuum analyze;
SQL

cargo build -q --example statements
# show TITLE STATEMENT PARAMETERS: the plan of the third execution.
show() {
    echo; echo "## $1"; echo
    sql <<SQL
prepare statement as $(target/debug/examples/statements "$2");
\\o /dev/null
execute statement($3);
execute statement($3);
\\o
explain (analyze, buffers, costs off) execute statement($3);
SQL
}
middle=$((users / 2)) deep=$((users / 10 * 9))
show "The first page" users.list "'big', 50, 0, null, false"
show "Page 9 of 100, with the total" users.list "'big', 100, 900, null, true"
show "A large offset, $deep" users.list "'big', 50, $deep, null, false"
show "From a checkpoint in the middle" users.list_from \
    "'big', timestamptz '2023-01-01' + $middle * interval '60.123456 seconds', '', 51, null"
show "sort=created_at:-1" users.list_by_created_at_descending "'big', 50, 0, null, false"
show "sort=email:1" users.list_sorted "'big', 50, 0, null, false, 'email', null"
show "sort=name:-1" users.list_sorted_descending "'big', 50, 0, null, false, 'name', null"
show "connection=..., with the total" users.list "'big', 50, 0, 'Username-Password-Authentication', true"
show "By e-mail address" users.by_email "'big', 'user$middle@example$((middle % 97)).com'"
echo; echo "## The cost of a counted total"; echo
sql -c "explain (analyze, buffers, costs off) select count(*) from users where tenant_id = 'big'"

echo; echo "## The cost of the stored total for creations, 8 connections"; echo
create="insert into users (tenant_id, user_id, profile, identities, created_at, updated_at)
        values ('crowd', 'auth0|' || gen_random_uuid(), '{}', '[]', now(), now())"
for triggers in disable enable; do
    sql -c "alter table users $triggers trigger user"
    echo "$triggers: $(pgbench -n -f <(echo "$create;" | tr '\n' ' ') -M prepared -c 8 -T 10 "$DATABASE_URL" 2>/dev/null | grep '^tps')"
done

echo; echo "## Heap-only updates"; echo
sql -c "update users set user_metadata = coalesce(user_metadata, '{}') || '{\"seen\": true}', version = version + 1, updated_at = now()
         where tenant_id = 'big' and hashtext(user_id) % 50 = 0" \
    -c "select pg_sleep(1)" \
    -c "select n_tup_upd as updated, n_tup_hot_upd as within_the_page from pg_stat_user_tables where relname = 'users'"
