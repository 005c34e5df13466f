#!/usr/bin/env bash
# Measures searches of users in a tenant of a million beside a thousand small ones: loads them, runs the
# product's own statements (bench/statements.rs prints them) with pgbench on 8 connections, and prints p50 and
# p99. Results: README.md.
#
#   bench/search.sh                          in a PostgreSQL of its own, deleted at the end
#   DATABASE_URL=postgres://... bench/search.sh      in an empty database
#   USERS=200000 SMALL=200 bench/search.sh   with fewer users, and fewer small tenants of 200 users each
#   EXPLAIN=1 bench/search.sh                with the plans
#
# PostgreSQL's programs come from ROSTER_PG_BIN, PATH, or the directories of distributions.
set -euo pipefail
cd "$(dirname "$0")/.."
users=${USERS:-1000000} small=${SMALL:-1000} seconds=${SECONDS_EACH:-10} connections=${CONNECTIONS:-8}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for bin in "${ROSTER_PG_BIN:-}" $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV) /usr/local/pgsql/bin; do
    if [ -x "$bin/initdb" ]; then PATH=$bin:$PATH; break; fi
done

if [ -z "${DATABASE_URL:-}" ]; then
    home=$(mktemp -d)
    # PostgreSQL does not run as root.
    as=(); if [ "$(id -u)" = 0 ]; then as=(runuser -u "$(id -un postgres 2>/dev/null || echo nobody)" --); fi
    if [ "$(id -u)" = 0 ]; then chown "${as[2]}" "$home"; fi
    trap '"${as[@]}" pg_ctl -D "$home/data" -m immediate stop >/dev/null; rm -rf "$home" "$scratch"' EXIT
    "${as[@]}" initdb -D "$home/data" -A trust -U roster --locale=C --encoding=UTF8 >/dev/null
    "${as[@]}" pg_ctl -D "$home/data" -l "$home/log" -w start \
        -o "-k $home -c listen_addresses='' -c shared_buffers=4GB -c max_wal_size=16GB -c maintenance_work_mem=1GB" >/dev/null
    DATABASE_URL="postgres:///postgres?host=$home&user=roster"
fi
export PGOPTIONS='-c jit=off'
sql() { psql -X -q -v ON_ERROR_STOP=1 "$DATABASE_URL" "$@"; }
statements=target/${PROFILE:-debug}/examples/statements
cargo build -q --example statements

if [ -n "$(sql -Atc "select to_regclass('users')")" ]; then
    echo "The database is not empty: there is a table users." >&2
    exit 1
fi
# The search migrations run after the load, which is faster.
migrations() { printf '%s\n' migrations/V*.sql | sort -V; }
# In transactions as in src/db/migrate.rs.
apply() {
    local file
    for file in "$@"; do
        if [ "$(head -1 "$file")" = '-- refinery: no-transaction' ]; then sql -f "$file"; else sql -1 -f "$file"; fi >/dev/null
    done
}
before=$(migrations | sed '/__index_users_for_search/,$d') after=$(migrations | sed -n '/__index_users_for_search/,$p')
apply $before

echo "Loading $users users of one tenant, 200 of each of $small others ..."
started=$(date +%s)
# Two sessions, half of the users each.
for half in 0 1; do
    sql -v users="$users" -v small="$small" -v half=$half <<'SQL' &
set synchronous_commit = off;
insert into users (tenant_id, user_id, profile, user_metadata, app_metadata, identities, created_at, updated_at)
select t.tenant_id, 'auth0|' || identity.id,
       jsonb_strip_nulls(jsonb_build_object(
           'email', 'user' || n || '@example' || n % 97 || '.com', 'email_verified', n % 3 > 0,
           'name', case when n % 2 = 0 then 'Given' || left(h, 6) || ' Family' || n % 5000 end,
           'given_name', case when n % 2 = 0 then 'Given' || left(h, 6) end,
           'family_name', case when n % 2 = 0 then 'Family' || n % 5000 end,
           'username', case when n % 5 = 0 then 'user' || n end,
           'logins_count', case when n % 4 > 0 then n % 300 end,
           'last_ip', case when n % 4 > 0 then '192.0.2.' || n % 250 end)),
       jsonb_build_object('language', (array['en','fr','de','es'])[1 + n % 4], 'theme', case when n % 3 = 0 then 'dark' else 'light' end,
           'newsletter', n % 2 = 0, 'hobby', (array['surfing','climbing','chess','go'])[1 + n / 7 % 4],
           'addresses', jsonb_build_array(
               jsonb_build_object('kind', 'home', 'city', 'City' || n % 1000, 'street', n || ' Main Street', 'zip', lpad((n % 99999)::text, 5, '0')),
               jsonb_build_object('kind', 'work', 'city', 'City' || n % 313, 'street', n % 777 || ' Broadway', 'zip', lpad((n % 777)::text, 5, '0')))),
       jsonb_build_object(
           -- 10 founders, a tenth on the plan pro
           'plan', case when n % (t.users / 10) = 17 then 'founder' when left(h, 2) < '1a' then 'pro' else 'free' end,
           'credits', n % 100000, 'roles', case when n % 50 = 0 then '["admin", "editor"]'::jsonb else '["viewer"]' end,
           'account', 'acc_' || left(h, 12),
           'subscription', jsonb_build_object('status', case when n % 9 = 0 then 'past_due' else 'active' end,
               'renews_at', to_char(date '2026-01-01' + n % 365, 'YYYY-MM-DD'))),
       jsonb_build_array(jsonb_build_object('connection', 'Username-Password-Authentication', 'user_id', identity.id, 'provider', 'auth0', 'isSocial', false)),
       made.at, made.at
  from (select 'big' as tenant_id, :users as users union all select 'small' || i, 200 from generate_series(1, :small) i) t,
       generate_series(1, t.users) n,
       lateral (select timestamptz '2023-01-01' + n * interval '60.123456 seconds' as at) made,
       lateral (select md5(t.tenant_id || n) as h) m,
       lateral (select lpad(to_hex(extract(epoch from made.at)::bigint), 8, '0') || left(h, 16) as id) identity
 where n % 2 = :half;
SQL
done
wait
sql <<'SQL' &
insert into identities (tenant_id, provider, identity_id, user_id, connection, email, username)
select tenant_id, 'auth0', split_part(user_id, '|', 2), user_id, 'Username-Password-Authentication', profile ->> 'email', profile ->> 'username'
  from users;
SQL
apply $after
wait
sql -c 'vacuum analyze'
echo "Loaded and indexed in $(($(date +%s) - started)) s."
sql -c "select relname, pg_size_pretty(pg_relation_size(oid)) from pg_class where relname ~ '^user(s|_terms)' and relkind in ('r', 'i') order by pg_relation_size(oid) desc"

# The settings of the product's search connections: src/db/mod.rs.
searching='-c jit=off -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_sort=off -c enable_incremental_sort=off'
# measure TITLE TENANT QUERY [total]
measure() {
    local title=$1; shift
    "$statements" search "$@" >"$scratch/sql" 2>"$scratch/values"
    mapfile -t values < <(sed 's/^/-D\n/' "$scratch/values")
    rm -f "$scratch"/log.*
    (cd "$scratch" && PGOPTIONS=$searching pgbench -n -M prepared -c "$connections" -j 2 -T "$seconds" -l --log-prefix=log \
        -f sql "${values[@]}" "$DATABASE_URL" >/dev/null 2>&1)
    cat "$scratch"/log.* | awk '{print $3}' | sort -n |
        awk -v title="$title" '{v[NR]=$1} END {printf "| %s | %.2f | %.2f | %d |\n", title, v[int((NR+1)/2)]/1000, v[int(NR*0.99)]/1000, NR}'
    if [ -n "${EXPLAIN:-}" ]; then
        {
            echo "prepare s as $(sed -E 's/:b([0-9]+)::/$\1::/g' "$scratch/sql")"
            echo "explain (analyze, buffers, costs off) execute s($(sed -E "s/^b[0-9]+=//; s/'/''/g; s/.*/'&'/" "$scratch/values" | paste -sd,));"
        } | PGOPTIONS=$searching sql
    fi
}
email="user$((users / 2))@example$((users / 2 % 97)).com"
echo; echo "| $connections connections, ms | p50 | p99 | runs |"; echo '| --- | ---: | ---: | ---: |'
of_small() {
    measure "small tenant${1}: e-mail" small7 'email:"user77@example77.com"'
    measure "small tenant${1}: metadata, matches 20 of 200" small7 'app_metadata.plan:"pro"'
    measure "small tenant${1}: metadata, matches 1 of 200" small7 'app_metadata.credits:77'
    measure "small tenant${1}: range without an index" small7 'app_metadata.credits:[10 TO 20]'
}
measure 'e-mail, exact' big "email:\"$email\""
measure 'e-mail, prefix (matches 11 or 12)' big "email:user$((users / 2 / 10))*"
measure 'e-mail, infix' big "email:*r$((users / 2))@*"
measure 'metadata, matches 10' big 'app_metadata.plan:"founder"'
measure 'metadata, matches a tenth' big 'app_metadata.plan:"pro"'
measure 'metadata, matches a fiftieth' big 'app_metadata.roles:"admin"'
measure 'metadata, matches a thousandth' big 'user_metadata.addresses.city:"City500"'
measure 'two terms with AND' big 'app_metadata.plan:"pro" AND user_metadata.addresses.city:"City7"'
measure 'two terms with OR' big 'app_metadata.plan:"founder" OR user_metadata.addresses.zip:"00042"'
measure 'NOT' big 'NOT app_metadata.plan:"free"'
measure 'range without an index, matches a tenth' big 'app_metadata.credits:[10 TO 10010]'
key=$("$statements" key app_metadata.credits | sed "s/u\\.//")
sql -c "create index users_credits_idx on users (tenant_id, ($key) collate \"C\", user_id) where $key is not null" -c 'analyze users'
measure 'range on an indexed path, matches a tenth' big 'app_metadata.credits:[10 TO 10010]' app_metadata.credits
measure 'range on an indexed path, matches 10' big 'app_metadata.credits:[500 TO 500]' app_metadata.credits
sql -c 'drop index users_credits_idx'
measure 'include_totals, matches 10' big 'app_metadata.plan:"founder"' total
measure 'include_totals, matches a thousandth' big 'user_metadata.addresses.city:"City500"' total
measure 'include_totals, matches a tenth' big 'app_metadata.plan:"pro"' total
of_small ''

echo; echo '## The cost of the search index for a PATCH, 8 connections, users.update with one key'; echo
cat >"$scratch/patch" <<SQL
\\set n random(1, $users)
\\set v random(1, 1000000)
$("$statements" users.update | tr '\n' ' ' | sed -E '
    s/\$1::text\[\]/array['"'big'"']/; s/\$2::text\[\]/array[(select user_id from users where tenant_id = '"'big'"' and created_at = timestamptz '"'2023-01-01'"' + :n * interval '"'60.123456 seconds'"')]/
    s/\$3::text\[\]/array['"'{}'"']/; s/\$4::text\[\]/array['"'{}'"']/; s/\$5::text\[\]/array[null::text]/
    s/\$6::text\[\]/array['"'{\"credits\": '"' || :v || '"'}'"']/; s/\$7::text\[\]/array[null::text]/
    s/\$8::text\[\]/array['"'(bench@clients,bench,01890a5d-ac96-774b-bcce-b302099a8057,127.0.0.1,)'"']/; s/\$9::bigint\[\]/array[1000000]/; s/\$10::timestamptz\[\]/array[null::timestamptz]/');
SQL
patch() { echo "$1: $(pgbench -n -M prepared -c "$connections" -j 2 -T "$seconds" -f "$scratch/patch" "$DATABASE_URL" 2>/dev/null | grep '^tps')"; }
sql -c checkpoint; patch 'with the index (warming up)'; patch 'with the index'
for limit in 128 512 4096; do
    sql -c "alter index users_metadata_idx set (fastupdate = on, gin_pending_list_limit = $limit)"; patch "with a pending list of $limit kB"
done
sql -c 'drop index users_metadata_idx'; patch 'without the index'

echo; echo '## A small tenant without the big one'; echo
sql -c "delete from users where tenant_id = 'big'" -c 'vacuum full users' -c 'vacuum full user_terms' \
    -c "create index users_metadata_idx on users using gin (searchable(tenant_id, user_metadata) jsonb_path_ops, searchable(tenant_id, app_metadata) jsonb_path_ops) with (fastupdate = off)" \
    -c 'vacuum analyze'
echo "| $connections connections, ms | p50 | p99 | runs |"; echo '| --- | ---: | ---: | ---: |'
of_small ' alone'
