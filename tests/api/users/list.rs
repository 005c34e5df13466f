//! `GET /api/v2/users`.

use std::collections::HashSet;

use futures_util::future::join_all;
use roster::resources::users::list::Sort;
use serde_json::{Value, json};

use crate::support::{CONNECTION, PASSWORD, Response, Tenant, execute, path_of, send, unique};

const INVALID: Option<&str> = Some("invalid_query_string");

async fn list(tenant: &Tenant, query: &str) -> Response {
    let answer = tenant.get(&format!("/api/v2/users?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    answer
}

/// The message of a 400 with `invalid_query_string`.
async fn refused(tenant: &Tenant, query: &str) -> String {
    let answer = tenant.get(&format!("/api/v2/users?{query}")).await;
    let (status, code, message) = answer.error();
    assert_eq!((status, code), (400, INVALID), "{query}");
    message.to_owned()
}

/// Creates users one after the other; their ids.
async fn users(tenant: &Tenant, count: usize) -> Vec<String> {
    let mut made = Vec::new();
    for _ in 0..count {
        made.push(id(&tenant.user(json!({})).await));
    }
    made
}

fn id(user: &Value) -> String {
    user["user_id"].as_str().expect("a user_id").to_owned()
}

fn ids(users: &Value) -> Vec<String> {
    users.as_array().expect("an array").iter().map(id).collect()
}

/// The values of one attribute, `-` for a user without it.
fn values(users: &Value, name: &str) -> Vec<String> {
    let value =
        |user: &Value| user.get(name).map_or("-".into(), |v| v.as_str().map_or(v.to_string(), str::to_owned));
    users.as_array().expect("an array").iter().map(value).collect()
}

#[tokio::test]
async fn pages_hold_each_user_once_in_order_of_creation() {
    let tenant = Tenant::new().await;
    let made = users(&tenant, 7).await;
    let mut seen = Vec::new();
    for page in 0..3 {
        let part = ids(&list(&tenant, &format!("page={page}&per_page=3")).await.json);
        assert_eq!(part.len(), if page == 2 { 1 } else { 3 });
        seen.extend(part);
    }
    assert_eq!(seen, made);
    assert_eq!(ids(&list(&tenant, "").await.json), made, "50 is the default");
}

#[tokio::test]
async fn document_in_a_list_is_the_one_that_is_fetched() {
    let tenant = Tenant::new().await;
    let jane = tenant.user(json!({ "user_metadata": { "a": 1 }, "app_metadata": { "b": null } })).await;
    assert_eq!(list(&tenant, "").await.json, json!([tenant.get(&path_of(&jane)).await.json]));
}

#[tokio::test]
async fn page_past_the_end_is_empty() {
    let tenant = Tenant::new().await;
    assert_eq!(list(&tenant, "").await.text, "[]", "a tenant without users");
    users(&tenant, 1).await;
    assert_eq!(list(&tenant, "page=3").await.text, "[]");
    let total = list(&tenant, "page=3&per_page=10&include_totals=true").await;
    assert_eq!(total.text, r#"{"start":30,"limit":10,"length":0,"users":[],"total":1}"#);
}

#[tokio::test]
async fn totals_count_all_users_and_those_on_the_page() {
    let tenant = Tenant::new().await;
    let made = users(&tenant, 3).await;
    let page = list(&tenant, "include_totals=true&per_page=2&page=1").await.json;
    assert_eq!(ids(&page["users"]), made[2..]);
    let counts =
        |page: &Value| ["start", "limit", "length", "total"].map(|name| page[name].as_i64().unwrap());
    assert_eq!(counts(&page), [2, 2, 1, 3]);
    assert_eq!(counts(&list(&tenant, "include_totals=true&per_page=0").await.json), [0, 0, 0, 3]);
    assert_eq!(counts(&list(&tenant, "include_totals=true").await.json), [0, 50, 3, 3]);
    assert_eq!(ids(&list(&tenant, "include_totals=false").await.json), made);
}

#[tokio::test]
async fn total_is_exact_during_concurrent_changes() {
    let tenant = Tenant::new().await;
    let made = join_all((0..30).map(|_| tenant.user(json!({})))).await;
    let leaving = join_all(made[..12].iter().map(|user| async { tenant.delete(&path_of(user)).await }));
    let coming = join_all((0..8).map(|_| tenant.user(json!({}))));
    let refused = join_all((0..4).map(|_| {
        tenant.post(
            "/api/v2/users",
            json!({ "connection": CONNECTION, "email": made[20]["email"], "password": PASSWORD }),
        )
    }));
    let watching = join_all((0..10).map(|_| list(&tenant, "include_totals=true&per_page=100")));
    let (_, _, refused, watched) = tokio::join!(leaving, coming, refused, watching);
    assert!(refused.iter().all(|answer| answer.status == 409));
    for answer in watched {
        assert_eq!(answer.json["total"], answer.json["length"], "in every snapshot");
    }
    assert_eq!(list(&tenant, "include_totals=true").await.json["total"], 26);
    assert_eq!(tenant.delete("/api/v2/users/auth0%7Cnobody").await.status, 204);
    assert_eq!(list(&tenant, "include_totals=true").await.json["total"], 26);
}

#[tokio::test]
async fn texts_sort_as_answered_with_missing_ones_last() {
    let tenant = Tenant::new().await;
    for (email, more) in [
        ("d", json!({ "family_name": "Doe" })),
        ("b", json!({ "name": "Zoe", "nickname": "a" })),
        ("c", json!({ "family_name": "Doe", "name": "Ärger" })),
        ("a", json!({ "family_name": "Abel", "name": "Ann" })),
    ] {
        let mut body = more;
        body["email"] = json!(format!("{email}@example.com"));
        tenant.user(body).await;
    }
    let order = async |sort: &str| {
        let users = list(&tenant, &format!("sort={sort}")).await.json;
        values(&users, "email").iter().map(|email| email[..1].to_owned()).collect::<String>()
    };
    assert_eq!(order("email:1").await, "abcd");
    assert_eq!(order("email:-1").await, "dcba");
    assert_eq!(order("name:1").await, "abdc", "Ann, Zoe, d@example.com, Ärger: by code points");
    assert_eq!(order("name:-1").await, "cdba");
    assert_eq!(order("nickname:1").await, "bacd", "equals are in order of creation");
    assert_eq!(order("family_name:1").await, "adcb");
    assert_eq!(order("family_name:-1").await, "dcab");
    assert_eq!(order("created_at:1").await, "dbca");
    assert_eq!(order("created_at:-1").await, "acbd");
    assert_eq!(order("username:-1").await, "dbca", "no user has one");
}

#[tokio::test]
async fn sorted_list_has_pages_and_totals() {
    let tenant = Tenant::new().await;
    for email in ["b", "c", "a"] {
        tenant.user(json!({ "email": format!("{email}@example.com") })).await;
    }
    let page = list(&tenant, "sort=email:-1&per_page=2&page=1&include_totals=true&fields=email").await.json;
    assert_eq!(
        page,
        json!({ "start": 2, "limit": 2, "length": 1, "users": [{ "email": "a@example.com" }], "total": 3 })
    );
}

#[tokio::test]
async fn booleans_sort_as_json() {
    let tenant = Tenant::new().await;
    for blocked in [Some(true), None, Some(false)] {
        tenant.user(blocked.map_or(json!({}), |blocked| json!({ "blocked": blocked }))).await;
    }
    assert_eq!(values(&list(&tenant, "sort=blocked:1").await.json, "blocked"), ["false", "true", "-"]);
    assert_eq!(values(&list(&tenant, "sort=blocked:-1").await.json, "blocked"), ["true", "false", "-"]);
}

#[tokio::test]
async fn orders_hold_each_user_exactly_once() {
    let tenant = Tenant::new().await;
    let made: HashSet<String> = users(&tenant, 5).await.into_iter().collect();
    for field in Sort::fields() {
        for direction in ["1", "-1"] {
            let mut seen = Vec::new();
            for page in 0..3 {
                let query = format!("sort={field}:{direction}&per_page=2&page={page}");
                seen.extend(ids(&list(&tenant, &query).await.json));
            }
            assert_eq!(seen.len(), made.len(), "{field}:{direction}");
            assert_eq!(seen.into_iter().collect::<HashSet<_>>(), made, "{field}:{direction}");
        }
    }
}

/// A list and a search of all users have statements of their own.
#[tokio::test]
async fn orders_of_lists_and_searches_are_equal() {
    let tenant = Tenant::new().await;
    for body in [
        json!({ "email": "d@example.com", "blocked": true, "given_name": "Z" }),
        json!({ "email": "b@example.com", "name": "Zoe", "username": "x", "email_verified": true }),
        json!({ "email": "c@example.com", "name": "\u{c4}rger", "phone_number": "+1555", "given_name": "a" }),
        json!({ "email": "a@example.com", "nickname": "c", "blocked": false, "family_name": "a" }),
    ] {
        tenant.user(body).await;
    }
    let insert = "insert into users (tenant_id, user_id, profile, identities, created_at, updated_at)
         select $1, 'auth0|' || n, jsonb_build_object('logins_count', n, 'username', $2, 'last_login', n || 'x'), '[]', now(), now() - n * interval '1 s'
           from generate_series(1, 12) n";
    assert_eq!(execute(insert, &[&tenant.name, "y"]).await, 12);
    for field in Sort::fields() {
        for direction in ["1", "-1"] {
            for page in 0..2 {
                let query = format!("sort={field}:{direction}&per_page=10&page={page}");
                let listed = ids(&list(&tenant, &query).await.json);
                let found = ids(&list(&tenant, &format!("{query}&q=user_id:*")).await.json);
                assert_eq!(listed.len(), [10, 6][page], "{query}");
                assert_eq!(listed, found, "{query}");
            }
        }
    }
}

#[tokio::test]
async fn sort_takes_root_attributes_and_metadata_only() {
    let tenant = Tenant::new().await;
    insta::assert_snapshot!(refused(&tenant, "sort=metadata.hobby:1").await, @"Query validation error: 'Cannot sort by metadata.hobby. Must be one of the following values: created_at,user_id,updated_at,email,username,phone_number,given_name,family_name,name,nickname,email_verified,phone_verified,blocked,logins_count,last_ip,last_login,last_password_reset' on property sort (Field to sort by. Use field:order where order is 1 for ascending and -1 for descending. e.g. created_at:1).");
    let about = "Field to sort by. Use field:order where order is 1 for ascending and -1 for descending. e.g. created_at:1";
    for sort in ["app_metadata:1", "identities.connection:-1", "picture:1", "passwords:1", ":1"] {
        assert!(
            refused(&tenant, &format!("sort={sort}"))
                .await
                .starts_with("Query validation error: 'Cannot sort by "),
            "{sort}"
        );
    }
    for sort in ["email", "email:2", "email:asc", "1", "email%3A1%20name%3A1%20"] {
        let message = refused(&tenant, &format!("sort={sort}")).await;
        assert!(
            message.starts_with("Query validation error: 'String does not match pattern ^[^:]+:(1|-1)$: "),
            "{sort}: {message}"
        );
        assert!(message.ends_with(&format!("' on property sort ({about}).")), "{sort}: {message}");
    }
}

#[tokio::test]
async fn fields_are_included_or_excluded() {
    let tenant = Tenant::new().await;
    let jane = tenant.user(json!({ "app_metadata": { "plan": "full" } })).await;
    assert_eq!(
        list(&tenant, "fields=email,app_metadata").await.json,
        json!([{ "email": jane["email"], "app_metadata": { "plan": "full" } }])
    );
    assert_eq!(
        list(&tenant, "fields=name&include_fields=true").await.json,
        json!([{ "name": jane["name"] }])
    );
    let mut rest = jane.clone();
    for gone in ["identities", "picture"] {
        rest.as_object_mut().unwrap().remove(gone);
    }
    assert_eq!(list(&tenant, "fields=identities,picture&include_fields=false").await.json, json!([rest]));
    assert_eq!(
        refused(&tenant, "include_fields=maybe").await,
        "Query validation error: 'Expected type boolean but found type string' on property include_fields (Whether specified fields are to be included (true) or excluded (false))."
    );
}

#[tokio::test]
async fn connection_narrows_the_list_and_the_total() {
    let tenant = Tenant::with(|config| {
        let mut second = config.connections[0].clone();
        second.name = "second".into();
        config.connections.push(second);
    })
    .await;
    users(&tenant, 2).await;
    let there = id(&tenant.user(json!({ "connection": "second" })).await);
    let page = list(&tenant, "connection=second&include_totals=true&sort=email:1").await.json;
    assert_eq!((ids(&page["users"]), &page["total"]), (vec![there.clone()], &json!(1)));
    assert_eq!(ids(&list(&tenant, "connection=second&take=1").await.json["users"]), [there]);
    assert_eq!(ids(&list(&tenant, &format!("connection={CONNECTION}")).await.json).len(), 2);
    assert_eq!(list(&tenant, "connection=nowhere").await.text, "[]");
}

#[tokio::test]
async fn search_engine_v3_is_the_only_one() {
    let tenant = Tenant::new().await;
    let made = users(&tenant, 1).await;
    assert_eq!(ids(&list(&tenant, "search_engine=v3&primary_order=false").await.json), made);
    assert_eq!(refused(&tenant, "search_engine=v1").await, "You are not allowed to use search_engine=v1.");
    assert_eq!(
        refused(&tenant, "search_engine=v2&q=x").await,
        "You are not allowed to use search_engine=v2. Use search_engine=v3 instead."
    );
    assert_eq!(
        refused(&tenant, "search_engine=v4").await,
        "Query validation error: 'No enum match for: v4' on property search_engine (The version of the search engine)."
    );
}

#[tokio::test]
async fn metadata_sorts_as_json() {
    let tenant = Tenant::new().await;
    for level in [json!(10), json!(9), json!("a"), json!(null)] {
        tenant.user(json!({ "app_metadata": { "a": { "level": level } } })).await;
    }
    tenant.user(json!({ "user_metadata": { "a": { "level": 1 } } })).await;
    for (query, sorted) in [
        ("sort=app_metadata.a.level:1&per_page=3", [json!(null), json!("a"), json!(9)]),
        ("sort=app_metadata.a.level:-1&per_page=3", [json!(10), json!(9), json!("a")]),
        (
            "sort=app_metadata.a.level:-1&per_page=3&q=_exists_:app_metadata",
            [json!(10), json!(9), json!("a")],
        ),
    ] {
        let users = list(&tenant, query).await.json;
        let levels: Vec<_> =
            users.as_array().unwrap().iter().map(|user| user["app_metadata"]["a"]["level"].clone()).collect();
        assert_eq!(levels, sorted, "{query}");
    }
}

#[tokio::test]
async fn query_with_a_syntax_error_is_rejected_with_the_position() {
    let tenant = Tenant::new().await;
    let made = users(&tenant, 1).await;
    insta::assert_snapshot!(refused(&tenant, "q=email:x%20AND&search_engine=v3").await);
    insta::assert_snapshot!(refused(&tenant, "q=email:x%20AND%20blocked:5&take=1").await);
    assert_eq!(ids(&list(&tenant, "q=").await.json), made);
}

#[tokio::test]
async fn parameters_out_of_bounds_are_named() {
    let tenant = Tenant::new().await;
    let per_page = "property per_page (Number of results per page. Defaults to 50).";
    for (query, message) in [
        ("per_page=1000", format!("'Value 1000 is greater than maximum 100' on {per_page}")),
        ("per_page=101", format!("'Value 101 is greater than maximum 100' on {per_page}")),
        ("per_page=-1", format!("'Value -1 is less than minimum 0' on {per_page}")),
        ("per_page=ten", format!("'Expected type integer but found type string' on {per_page}")),
        ("per_page=", format!("'Expected type integer but found type string' on {per_page}")),
        ("per_page=1.5", format!("'Expected type integer but found type string' on {per_page}")),
        ("page=-1", "'Value -1 is less than minimum 0' on property page (Page index of the results to return. First page is 0).".into()),
        ("include_totals=yes", "'Expected type boolean but found type string' on property include_totals (Return results inside an object that contains the total result count (true) or as a direct array of results (false, default)).".into()),
        ("take=0", "'Value 0 is less than minimum 1' on property take (Number of results per page. Defaults to 50).".into()),
        ("take=101", "'Value 101 is greater than maximum 100' on property take (Number of results per page. Defaults to 50).".into()),
        ("from=&take=x", "'Expected type integer but found type string' on property take (Number of results per page. Defaults to 50).".into()),
        ("sort=%00", "'Text must not contain the character U+0000' on property sort.".into()),
        ("connection=%ff", "'Not valid UTF-8 text' on property connection.".into()),
        ("primary_order=2", "'Expected type boolean but found type string' on property primary_order (If true (default), results are returned in a deterministic order).".into()),
    ] {
        assert_eq!(refused(&tenant, query).await, format!("Query validation error: {message}"), "{query}");
    }
}

#[tokio::test]
async fn page_numbers_end_at_1000_users_as_auth0s_do() {
    let tenant = Tenant::new().await;
    users(&tenant, 1).await;
    assert_eq!(list(&tenant, "page=9&per_page=100").await.text, "[]");
    assert_eq!(list(&tenant, "page=19").await.text, "[]");
    let message = "You can only page through the first 1000 records. See https://auth0.com/docs/users/search/v3/view-search-results-by-page#limitation";
    for query in ["page=10&per_page=100", "page=20", "page=1000&per_page=1", "page=99999999999999999999999"] {
        let beyond = tenant.get(&format!("/api/v2/users?{query}")).await;
        assert_eq!(beyond.error(), (400, Some("invalid_paging"), message), "{query}");
    }
}

#[tokio::test]
async fn offset_cap_is_a_setting_of_the_tenant() {
    let tenant = Tenant::with(|config| config.compat.offset_cap = None).await;
    users(&tenant, 1).await;
    for page in ["page=20", "page=99999999999999999999999"] {
        assert_eq!(list(&tenant, page).await.text, "[]");
    }
    let tenant = Tenant::with(|config| config.compat.offset_cap = Some(60)).await;
    let beyond = tenant.get("/api/v2/users?page=1").await;
    assert!(beyond.error().2.starts_with("You can only page through the first 60 records."));
}

/// Reads the whole list by checkpoint and calls `between` after each part.
async fn walk(tenant: &Tenant, take: usize, mut between: impl AsyncFnMut(&[String])) -> Vec<String> {
    let (mut seen, mut from) = (Vec::new(), String::new());
    loop {
        let part = list(tenant, &format!("take={take}&from={from}")).await.json;
        let found = ids(&part["users"]);
        assert!(found.len() <= take);
        seen.extend(found.clone());
        match part.get("next") {
            None => return seen,
            Some(next) => next.as_str().expect("a text").clone_into(&mut from),
        }
        between(&found).await;
    }
}

#[tokio::test]
async fn checkpoints_hold_each_user_exactly_once() {
    let tenant = Tenant::new().await;
    let made = users(&tenant, 6).await;
    for take in [1, 4, 6, 7] {
        assert_eq!(walk(&tenant, take, async |_| {}).await, made, "{take}");
    }
    let last = list(&tenant, "take=6").await;
    assert!(last.json.get("next").is_none() && last.json.as_object().unwrap().len() == 1, "{}", last.text);
    assert_eq!(list(&Tenant::new().await, "take=1").await.text, r#"{"users":[]}"#);
}

#[tokio::test]
async fn checkpoint_takes_precedence_over_page_numbers() {
    let tenant = Tenant::new().await;
    let made = users(&tenant, 2).await;
    let first = list(&tenant, "include_totals=true&per_page=1000&page=900&take=1").await.json;
    assert_eq!((ids(&first["users"]), first.as_object().unwrap().len()), (vec![made[0].clone()], 2));
    assert_eq!(
        ids(&list(&tenant, "from=&fields=user_id").await.json["users"]),
        made,
        "an empty checkpoint is the first"
    );
}

#[tokio::test]
async fn checkpoints_reach_beyond_the_offset_cap() {
    let tenant = Tenant::with(|config| config.compat.offset_cap = Some(2)).await;
    let made = users(&tenant, 4).await;
    assert_eq!(walk(&tenant, 2, async |_| {}).await, made);
}

#[tokio::test]
async fn checkpoints_hold_remaining_users_once_during_changes() {
    let tenant = Tenant::new().await;
    let made = users(&tenant, 12).await;
    let mut gone = HashSet::new();
    let seen = walk(&tenant, 2, async |part| {
        // The user that the next part begins after is deleted, and one not yet listed; two are created.
        let last = part.last().unwrap();
        let ahead = made.iter().skip_while(|id| *id != last).nth(4);
        for id in ahead.into_iter().chain([last]) {
            assert_eq!(tenant.delete(&path_of(&json!({ "user_id": id }))).await.status, 204);
            gone.insert(id.clone());
        }
        if gone.len() < 8 {
            join_all((0..2).map(|_| tenant.user(json!({})))).await;
        }
    })
    .await;
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), seen.len(), "a user is listed twice");
    for stayed in made.iter().filter(|id| !gone.contains(*id)) {
        assert!(seen.contains(stayed), "{stayed}");
    }
}

#[tokio::test]
async fn checkpoints_skip_no_user_during_concurrent_creations() {
    let tenant = Tenant::new().await;
    let made = users(&tenant, 10).await;
    let newcomers = join_all((0..40).map(|_| tenant.user(json!({}))));
    let (seen, _) = tokio::join!(walk(&tenant, 3, async |_| {}), newcomers);
    assert_eq!(seen[..10], made);
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), seen.len(), "a user is listed twice");
    let all = list(&tenant, "include_totals=true&per_page=100").await.json;
    assert_eq!((all["total"].as_i64(), ids(&all["users"]).len()), (Some(50), 50));
}

#[tokio::test]
async fn checkpoint_of_another_form_is_rejected() {
    let tenant = Tenant::new().await;
    for from in ["nonsense", "!", "MQ", "MSBub2JvZHk", "%F0%9F%8E%89"] {
        assert_eq!(
            refused(&tenant, &format!("from={from}")).await,
            "Query validation error: 'Not a value that was answered as next' on property from (Optional Id from which to start selection)."
        );
    }
    assert_eq!(
        refused(&tenant, "take=2&sort=email:1").await,
        "Query validation error: 'Not available together with from and take, which follow the order of creation' on property sort."
    );
}

#[tokio::test]
async fn tenants_do_not_see_each_others_users() {
    let (one, other) = (Tenant::new().await, Tenant::new().await);
    let (here, there) = (users(&one, 2).await, users(&other, 3).await);
    let total = list(&one, "include_totals=true").await.json;
    assert_eq!((ids(&total["users"]), &total["total"]), (here.clone(), &json!(2)));
    let next = list(&one, "take=1").await.json["next"].as_str().unwrap().to_owned();
    let foreign = ids(&list(&other, &format!("from={next}")).await.json["users"]);
    assert_eq!(foreign, there, "a checkpoint holds a time only");
}

#[tokio::test]
async fn list_requires_read_users() {
    let tenant = Tenant::new().await;
    let token = tenant.token_with(&["read:current_user", "read:roles"]).await;
    for path in ["/api/v2/users?per_page=1000", "/api/v2/users-by-email"] {
        let answer = send(tenant.request("GET", path).bearer_auth(&token)).await;
        assert_eq!(
            answer.error(),
            (403, Some("insufficient_scope"), "Insufficient scope, expected any of: read:users")
        );
    }
    assert_eq!(tenant.get(&format!("/api/v2/users?unknown={}", unique("x"))).await.status, 200, "as Auth0");
}
