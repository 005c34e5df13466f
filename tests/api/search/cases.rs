//! Queries and the users they match: the rules of Auth0's documentation and of `roster::search`, by example.
//! The evaluator and the API run the same table.

use futures_util::future::join_all;
use roster::search::parse;
use serde_json::{Value, json};

use super::evaluator::{matches, rejects};
use super::{create, find, page};
use crate::support::{CONNECTION, Tenant, execute, path_of};

/// The users by name, as the API returns them without `picture`.
pub(super) fn users() -> Vec<(&'static str, Value)> {
    let user = |name: &'static str, created_at: &str, given: Value| {
        let email = format!("{name}@example.com");
        let mut user = json!({
            "user_id": format!("auth0|{name}"), "email": email, "email_verified": false, "name": email,
            "nickname": name, "created_at": created_at, "updated_at": created_at,
            "identities": [{"connection": CONNECTION, "provider": "auth0",
                "user_id": name, "isSocial": false}],
        });
        for (attribute, value) in given.as_object().unwrap() {
            user[attribute] = value.clone();
        }
        if user["email"] != *email {
            user["nickname"] = user["email"].as_str().unwrap().split('@').next().into();
        }
        (name, user)
    };
    vec![
        user(
            "jane",
            "2017-11-30T23:59:59.999Z",
            json!({
                "name": "Jane Smith", "given_name": "Jane", "family_name": "Smith", "email_verified": true,
                "logins_count": 150, "last_login": "2017-12-31T23:59:59.999Z", "last_ip": "10.0.0.1",
                "user_metadata": {"full_name": "Jane Smith", "n": 5, "vip": true, "tags": ["red", "green"],
                    "addresses": [{"city": "Paris", "zip": 75001}, {"city": "Rome"}]},
                "app_metadata": {"plan": "full", "level": 1, "subscription": {"plan": "gold"}},
            }),
        ),
        user(
            "john",
            "2018-01-01T10:00:00.000Z",
            json!({
                "email": "john@exampleco.com", "name": "john@exampleco.com",
                "logins_count": 100, "last_login": "2017-12-01T00:00:00.000Z", "last_ip": "10.0.0.2",
                "user_metadata": {"n": "5", "vip": "true", "city": "Paris", "empty": [], "hollow": {"nothing": null}},
                "app_metadata": {"plan": "free", "level": 2.5},
            }),
        ),
        user(
            "janet",
            "2018-01-15T12:30:45.678Z",
            json!({
                "name": "Janet O'Neil-Smith", "given_name": "JANET", "blocked": true,
                "user_metadata": {"n": [4, 5, 6], "nested": {"lists": [["a", "b"], [{"c": "d"}]]}},
                "app_metadata": {"plan": "Full", "level": 10},
            }),
        ),
        user(
            "anna",
            "2018-01-31T23:59:59.999Z",
            json!({
                "name": "Änna Müller", "blocked": false, "logins_count": 0,
                "user_metadata": {"lang": "de", "street": "Königstraße"},
            }),
        ),
        user(
            "bob",
            "2018-02-01T00:00:00.000Z",
            json!({
                "username": "bob.jones", "name": "Bob", "user_metadata": {},
                "app_metadata": {"level": "3", "since": "2018-01-05"},
            }),
        ),
        user(
            "carl",
            "2018-03-01T00:00:00.000Z",
            json!({
                "email": "carl@sub.example.com", "name": "true", "email_verified": true, "logins_count": 200,
                "last_login": "2018-01-01T00:00:00.000Z", "app_metadata": {"level": -3},
            }),
        ),
        user(
            "dora",
            "2018-04-01T00:00:00.000Z",
            json!({
                "name": "100% _sure\\", "family_name": "O\"Brien (x)",
                "user_metadata": {"note": "a*b?c", "path": "C:\\dir/file"},
            }),
        ),
        user(
            "emil",
            "2018-05-01T00:00:00.000Z",
            json!({
                "name": "AND", "user_metadata": {"odd key": 1, "a:b": 2, "Case": "Upper"},
            }),
        ),
        user(
            "eve",
            "2018-06-01T00:00:00.000Z",
            json!({
                "name": "two\nlines", "user_metadata": {"empty": "", "zero": 0, "no": false},
            }),
        ),
        user(
            "fay",
            "2018-07-01T00:00:00.000Z",
            json!({
                "name": "Smith", "family_name": "jane", "last_login": "2017-11-30T23:59:59.999Z", "logins_count": 99,
            }),
        ),
        user(
            "gil*1",
            "2019-01-01T00:00:00.000Z",
            json!({
                "name": "Gil", "user_metadata": {"n": [null]}, "app_metadata": {"deep": {"a": {"b": {"c": "x"}}, "e": [{}, []]}},
            }),
        ),
        user("hal", "2020-02-29T00:00:00.000Z", json!({"name": "hal 9000"})),
    ]
}

/// A query and its matches: names in the order of [`users`], `all`, `none`, `all but ..`, or `rejected`.
pub(super) const CASES: &[(&str, &str)] = &[
    // All users.
    ("", "all"),
    ("*", "all"),
    ("*:*", "all"),
    ("NOT *", "none"),
    // Whole values; five fields without regard to case.
    ("name:\"jane smith\"", "jane"),
    ("name:JANE\\ SMITH", "jane"),
    ("name:jane", "none"),
    ("name:smith", "fay"),
    ("name:\"smith\"", "fay"),
    ("given_name:janet", "janet"),
    ("family_name:SMITH", "jane"),
    ("family_name:\"o\\\"brien (x)\"", "dora"),
    ("nickname:Jane", "jane"),
    ("email:JOHN@exampleco.com", "john"),
    ("email:\"john@exampleco.com\" OR email:\"jane@example.com\"", "jane john"),
    ("email:(\"john@exampleco.com\" OR \"jane@example.com\")", "jane john"),
    ("name:\"änna müller\"", "anna"),
    ("name:ÄNNA\\ MÜLLER", "anna"),
    ("name:\"anna muller\"", "none"),
    ("name:\"100% _sure\\\\\"", "dora"),
    ("name:\"AND\"", "emil"),
    ("name:\\AND", "emil"),
    ("name:\"two\nlines\"", "eve"),
    // Computed names.
    ("name:john@exampleco.com", "john"),
    ("nickname:carl", "carl"),
    // All other fields as written.
    ("user_id:auth0|jane", "jane"),
    ("user_id:\"auth0|jane\"", "jane"),
    ("user_id:auth0|JANE", "none"),
    ("user_id:auth0", "none"),
    ("user_id:auth0*", "all"),
    ("user_id:auth0|gil\\*1", "gil*1"),
    ("user_id:\"auth0|gil*1\"", "gil*1"),
    ("username:bob.jones", "bob"),
    ("username:BOB.JONES", "none"),
    ("email.domain:\"exampleco.com\"", "john"),
    ("email.domain:example.com", "all but john carl"),
    ("email.domain:*example.com", "all but john"),
    ("last_ip:10.0.0.1", "jane"),
    ("last_ip:10.0.0.*", "jane john"),
    ("identities.connection:\"Username-Password-Authentication\"", "all"),
    ("identities.connection:google-oauth2", "none"),
    ("identities.provider:auth0", "all"),
    ("identities.user_id:hal", "hal"),
    ("identities.isSocial:false", "all"),
    ("identities.isSocial:true", "none"),
    // Words without a field: eight attributes, not the metadata.
    ("jane", "jane fay"),
    ("bob.jones", "bob"),
    ("\"jane smith\"", "jane"),
    ("jane*", "jane janet fay"),
    ("auth0|hal", "hal"),
    ("Paris", "none"),
    ("example.com", "none"),
    ("smith jane", "jane fay"),
    ("name:jane smith", "jane fay"),
    // Wildcards.
    ("name:j*", "jane john janet"),
    ("name:jan*smith", "jane janet"),
    ("name:*SMITH", "jane janet fay"),
    ("name:*'neil-*", "janet"),
    ("name:?ane\\ smith", "jane"),
    ("name:jane?smith", "jane"),
    ("name:smith?", "none"),
    ("name:smith*", "fay"),
    ("name:*th", "rejected"),
    ("name:?", "rejected"),
    ("name:*a*n*e*", "rejected"),
    ("*th", "rejected"),
    ("name:t*s", "eve"),
    ("name:100%*", "dora"),
    ("name:1%*", "none"),
    ("name:100?*sure*", "dora"),
    ("name:1__\\%*", "none"),
    ("user_id:AUTH0*", "none"),
    ("user_metadata.note:a\\*b\\?c", "dora"),
    ("user_metadata.note:a*c", "dora"),
    ("user_metadata.path:C\\:\\\\*", "dora"),
    ("user_metadata.street:K?nig*", "anna"),
    ("user_metadata.street:k*", "none"),
    ("app_metadata.plan:f*", "jane john"),
    ("app_metadata.level:1*", "none"),
    ("blocked:t*", "rejected"),
    ("logins_count:1*", "rejected"),
    ("created_at:2018*", "rejected"),
    // Booleans.
    ("email_verified:true", "jane carl"),
    ("email_verified:\"true\"", "jane carl"),
    ("email_verified:false", "all but jane carl"),
    ("blocked:true", "janet"),
    ("blocked:false", "anna"),
    ("NOT blocked:true", "all but janet"),
    ("email_verified:false OR NOT _exists_:email_verified", "all but jane carl"),
    ("blocked:yes", "rejected"),
    ("blocked:TRUE", "rejected"),
    ("blocked:[false TO true]", "rejected"),
    // Numbers.
    ("logins_count:100", "john"),
    ("logins_count:100.0", "john"),
    ("logins_count:\"1e2\"", "john"),
    ("logins_count:[100 TO 200]", "jane john carl"),
    ("logins_count:[100 TO 200}", "jane john"),
    ("logins_count:{100 TO 200}", "jane"),
    ("logins_count:{100 TO *]", "jane carl"),
    ("logins_count:>=100", "jane john carl"),
    ("logins_count:<100", "anna fay"),
    ("logins_count:[200 TO 100]", "none"),
    ("(NOT _exists_:logins_count OR logins_count:0)", "all but jane john carl fay"),
    ("logins_count:many", "rejected"),
    ("logins_count:[1 TO 0x10]", "rejected"),
    ("logins_count:+5", "rejected"),
    ("logins_count:\" 5\"", "rejected"),
    // Dates, with the precision of their text.
    ("last_login:[* TO 2017-12-31]", "jane john fay"),
    ("last_login:{2017-11 TO 2017-12]", "jane john"),
    ("last_login:[2017-12-01 TO 2017-12-31]", "jane john"),
    ("last_login:[2017-12 TO 2018-01}", "jane john"),
    ("last_login:[2017-12 TO 2018-01]", "jane john carl"),
    ("last_login:2017-12", "jane john"),
    ("last_login:<2017-12", "fay"),
    ("last_login:>2017", "carl"),
    ("created_at:2018-01", "john janet anna"),
    ("created_at:2018-01-15", "janet"),
    ("created_at:2018-01-15T12:30", "janet"),
    ("created_at:2018-01-15T12:30:45", "janet"),
    ("created_at:\"2018-01-15T12:30:45.678Z\"", "janet"),
    ("created_at:2018-01-15T12:30:45.6", "janet"),
    ("created_at:2018-01-15T12:30:45.679Z", "none"),
    ("created_at:2018-01-15T14:30:45.678+02:00", "janet"),
    ("created_at:2018-01-31T19:59-04:00", "anna"),
    ("created_at:[2018-01-01T10:00:00.000Z TO 2018-01-15T12:30:45.678Z}", "john"),
    ("created_at:{2018-01-01T10:00:00.000Z TO 2018-01-15T12:30:45.678Z]", "janet"),
    ("created_at:2020-02-29", "hal"),
    ("created_at:[2019 TO *]", "gil*1 hal"),
    ("created_at:[9999 TO *]", "none"),
    ("created_at:[* TO 9999]", "all"),
    ("updated_at:{2018-02-01 TO 2018-03-01]", "carl"),
    ("created_at:2018-02-30", "rejected"),
    ("created_at:2018-13", "rejected"),
    ("created_at:yesterday", "rejected"),
    ("created_at:18-01-01", "rejected"),
    ("created_at:2018-01-01T24:00", "rejected"),
    ("created_at:2018-01T10:00", "rejected"),
    ("created_at:[now-1d TO *]", "rejected"),
    // Ranges of text.
    ("username:[a TO c]", "bob"),
    ("username:[A TO Z]", "none"),
    ("name:[JANE TO jao]", "jane janet"),
    ("name:{smith TO *]", "carl eve anna"),
    ("user_id:[auth0|h TO *]", "jane john janet hal"),
    // Metadata: strings, numbers and booleans, also inside arrays.
    ("user_metadata.full_name:\"Jane Smith\"", "jane"),
    ("user_metadata.full_name:\"jane smith\"", "none"),
    ("user_metadata.case:Upper", "none"),
    ("user_metadata.Case:Upper", "emil"),
    ("user_metadata.n:5", "jane john janet"),
    ("user_metadata.n:\"5\"", "jane john janet"),
    ("user_metadata.n:5.0", "jane janet"),
    ("user_metadata.n:05", "none"),
    ("user_metadata.vip:true", "jane john"),
    ("user_metadata.vip:TRUE", "none"),
    ("user_metadata.no:false", "eve"),
    ("user_metadata.zero:0", "eve"),
    ("user_metadata.zero:-0", "eve"),
    ("user_metadata.empty:\"\"", "eve"),
    ("user_metadata.tags:red", "jane"),
    ("user_metadata.tags:(red AND green)", "jane"),
    ("user_metadata.tags:blue", "none"),
    ("user_metadata.addresses.city:\"Paris\"", "jane"),
    ("user_metadata.addresses.city:Paris AND user_metadata.addresses.city:Rome", "jane"),
    ("user_metadata.addresses.zip:75001", "jane"),
    ("user_metadata.addresses.0.city:Paris", "none"),
    ("user_metadata.nested.lists:b", "janet"),
    ("user_metadata.nested.lists.c:d", "janet"),
    ("user_metadata.odd\\ key:1", "emil"),
    ("user_metadata.a\\:b:2", "emil"),
    ("user_metadata.addresses:Paris", "none"),
    ("user_metadata:Paris", "none"),
    ("app_metadata.subscription.plan:\"gold\"", "jane"),
    ("app_metadata.deep.a.b.c:x", "gil*1"),
    ("app_metadata.deep.a\\.b.c:x", "none"),
    ("app_metadata.level:-3", "carl"),
    ("app_metadata.level:[1 TO 10}", "jane john"),
    ("app_metadata.level:[1 TO 10]", "jane john janet"),
    ("app_metadata.level:{2 TO 2.5]", "john"),
    ("app_metadata.level:<0", "carl"),
    ("app_metadata.level:[\"1\" TO \"4\"]", "bob"),
    ("app_metadata.level:[1 TO \"4\"]", "bob"),
    ("app_metadata.since:[2018-01-01 TO 2018-01-31]", "bob"),
    ("user_metadata.n:[4 TO 4]", "janet"),
    ("user_metadata.vip:[a TO z]", "john"),
    // Existence.
    ("_exists_:username", "bob"),
    ("NOT _exists_:logins_count", "all but jane john anna carl fay"),
    ("username:*", "bob"),
    ("_exists_:blocked", "janet anna"),
    ("_exists_:name", "all"),
    ("_exists_:email.domain", "all"),
    ("_exists_:identities", "all"),
    ("_exists_:user_metadata", "all but bob carl fay gil*1 hal"),
    ("_exists_:app_metadata.deep", "gil*1"),
    ("_exists_:app_metadata.deep.e", "none"),
    ("_exists_:user_metadata.hollow.nothing", "none"),
    ("_exists_:user_metadata.empty", "eve"),
    ("_exists_:user_metadata.hollow", "none"),
    ("_exists_:user_metadata.nested.lists", "janet"),
    ("_exists_:user_metadata.no", "eve"),
    ("_exists_:organization_id", "none"),
    // Attributes that are not searchable are unknown fields.
    ("_exists_:picture", "none"),
    ("picture:*", "none"),
    ("last_password_reset:[* TO 2030]", "none"),
    ("identities.profileData.name:x", "none"),
    ("connection:Username-Password-Authentication", "none"),
    ("Email:jane@example.com", "none"),
    ("NOT unknown:x", "all"),
    // Operators.
    ("email_verified:true AND app_metadata.plan:full", "jane"),
    ("name:jan* AND NOT blocked:true", "jane"),
    ("name:jan* -blocked:true", "jane"),
    ("-blocked:true -email_verified:true", "all but jane janet carl"),
    ("NOT (blocked:true OR email_verified:true)", "all but jane janet carl"),
    ("+name:jan* blocked:true", "jane janet"),
    ("name:smith OR name:jan* AND blocked:true", "janet fay"),
    ("(name:smith OR name:jan*) AND blocked:true", "janet"),
    ("name:smith || name:gil && !blocked:true", "fay gil*1"),
    ("name:(smith gil)", "fay gil*1"),
    ("NOT user_metadata.n:5", "all but jane john janet"),
    ("blocked:true OR NOT user_id:auth0*", "janet"),
];

#[test]
fn evaluator_matches_the_cases() {
    assert!(CASES.len() >= 100);
    let users = users();
    for (query, found) in CASES {
        let expr = parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        if rejects(&expr) {
            assert_eq!(*found, "rejected", "{query}");
            continue;
        }
        let names: Vec<_> =
            users.iter().filter(|(_, user)| matches(user, &expr)).map(|(name, _)| *name).collect();
        assert_eq!(Some(names), expected(found, &users), "{query}");
    }
}

#[tokio::test]
async fn api_matches_the_cases() {
    let (tenant, users) = (Tenant::new().await, users());
    for (name, user) in &users {
        create(&tenant, user.as_object().unwrap()).await;
        let mut answered = tenant.get(&path_of(user)).await.json;
        answered.as_object_mut().unwrap().remove("picture");
        assert_eq!(answered, *user, "{name}");
    }
    for (query, found) in CASES {
        let found = expected(found, &users);
        let answered = find(&tenant, query).await.map(|answered| {
            let is_there = |user: &Value| answered.iter().any(|other| other["user_id"] == user["user_id"]);
            users.iter().filter(|(_, user)| is_there(user)).map(|(name, _)| *name).collect::<Vec<_>>()
        });
        if found.is_some() {
            // Reaches the sparse streak, then runs the sparse statement.
            let first = page(&tenant, query).await;
            for _ in 0..4 {
                assert_eq!(page(&tenant, query).await, first, "{query}");
            }
        }
        assert_eq!(answered, found, "{query}");
    }
}

#[tokio::test]
async fn sparse_shape_may_become_dense() {
    let tenant = Tenant::new().await;
    let statement = "insert into users (tenant_id, user_id, profile, app_metadata, identities, created_at, updated_at)
        select $1, 'auth0|' || n, '{}', jsonb_build_object('plan', case when n % 100 = 0 then 'rare' when n < 2000 then 'none' else 'full' end),
               '[]', timestamptz '2020-01-01' + n * interval '1 second', now()
          from generate_series(1, 4000) n";
    assert_eq!(execute(statement, &[&tenant.name]).await, 4000);
    for run in 0..3 {
        // Reaches the sparse streak, so that the dense searches below start with the sparse statement.
        for turn in 0..6 {
            let found = page(&tenant, "app_metadata.plan:rare").await;
            let expected = (100..=4000).step_by(100).map(|n| format!("auth0|{n}"));
            assert!(found.iter().map(|user| user["user_id"].as_str().unwrap()).eq(expected), "{run} {turn}");
        }
        for (plan, from) in [("full", 2000), ("none", 1), ("full", 2000)] {
            let found = page(&tenant, &format!("app_metadata.plan:{plan}")).await;
            let expected = (from..).filter(|n| n % 100 != 0).take(100).map(|n| format!("auth0|{n}"));
            assert!(found.iter().map(|user| user["user_id"].as_str().unwrap()).eq(expected), "{run} {plan}");
        }
        assert!(page(&tenant, "app_metadata.plan:nobody's").await.is_empty());
    }
}

#[tokio::test]
async fn concurrent_searches_return_the_results_of_single_ones() {
    let tenants = [Tenant::new().await, Tenant::new().await];
    let mut searches = Vec::new();
    for (index, tenant) in tenants.iter().enumerate() {
        let statement = "insert into users (tenant_id, user_id, profile, app_metadata, identities, created_at, updated_at)
            select $1, 'auth0|' || n, jsonb_build_object('email', 'user' || n || '@example.com'),
                   jsonb_build_object('n', n, 'plan', 'p' || n % 100), '[]', timestamptz '2020-01-01' + n * interval '1 second', now()
              from generate_series(1, 3000) n
             where n % 2 = $2::int";
        assert_eq!(execute(statement, &[&tenant.name, &index.to_string()]).await, 1500);
        for n in 1..=30 {
            for query in [
                format!("app_metadata.plan:p{n}"),
                format!("app_metadata.n:({n} OR {})", n + 1),
                format!("app_metadata.n:{n} AND app_metadata.plan:p{n}"),
                format!("email:USER{n}@example.com"),
                format!("email:user{n}1*"),
                format!("user_id:(auth0|{n} OR auth0|{})", n + 1),
                format!("email:user{n}@example.com AND created_at:[2020-01-01T00:00:10Z TO *]"),
                format!("app_metadata.n:{n} OR email:user{}@example.com", n + 1),
            ] {
                searches.push((tenant, query));
            }
        }
    }
    let mut alone = Vec::new();
    for (tenant, query) in &searches {
        alone.push(page(tenant, query).await);
    }
    assert!(alone.iter().filter(|found| found.len() > 1).count() > 50);
    assert!(alone.iter().filter(|found| found.is_empty()).count() > 50);
    let concurrent = join_all(searches.iter().map(|(tenant, query)| page(tenant, query))).await;
    for (((_, query), alone), concurrent) in searches.iter().zip(alone).zip(concurrent) {
        assert_eq!(concurrent, alone, "{query}");
    }
}

#[tokio::test]
async fn search_reads_every_identity_of_a_user() {
    let tenant = Tenant::new().await;
    let jane = tenant.user(json!({ "user_id": "jane", "email": "jane@example.com" })).await;
    let john = json!({ "user_id": "john", "name": "John", "phone_number": "+15550102" });
    let john = tenant.user(john).await;
    assert_eq!(find(&tenant, "+phone_number:+15550102 +name:john").await.unwrap().len(), 1);
    assert_eq!(find(&tenant, r"\+15550102").await.unwrap().len(), 1);

    let secondary = json!({ "provider": "auth0", "user_id": john["user_id"] });
    let linked = tenant.post(&format!("{}/identities", path_of(&jane)), secondary).await;
    assert_eq!(linked.status, 201, "{}", linked.text);
    let jane = tenant.get(&path_of(&jane)).await.json;
    for (query, found) in [
        ("identities.user_id:jane AND identities.user_id:john", true),
        ("identities.user_id:(jane OR nobody)", true),
        ("identities.user_id:john -identities.user_id:jane", false),
        ("NOT identities.user_id:john", false),
        ("identities.user_id:jo*", true),
        ("user_id:auth0|john", false),
        // The profile of a linked identity is not the user's profile.
        ("name:john", false),
        ("phone_number:+15550102", false),
        ("_exists_:identities.profileData.name", false),
        ("identities.profileData.name:John", false),
    ] {
        assert_eq!(matches(&jane, &parse(query).unwrap()), found, "{query}");
        assert_eq!(find(&tenant, query).await.unwrap().len(), usize::from(found), "{query}");
    }
}

/// The names of the expected users, in the order of [`users`]; `None` if the query is rejected.
pub(super) fn expected(found: &str, users: &[(&'static str, Value)]) -> Option<Vec<&'static str>> {
    let all = users.iter().map(|(name, _)| *name);
    let but = found.strip_prefix("all but ");
    let listed = |name: &&str| but.unwrap_or(found).split(' ').any(|listed| listed == *name);
    match found {
        "rejected" => None,
        "none" => Some(Vec::new()),
        "all" => Some(all.collect()),
        _ if but.is_some() => Some(all.filter(|name| !listed(name)).collect()),
        _ => Some(all.filter(listed).collect()),
    }
}
