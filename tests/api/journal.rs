//! The journal: every change writes an entry, and the entries of a user give its document.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::support::{CONNECTION, Tenant, apply, path_of, send, sql};

/// The profile, `user_metadata` and `app_metadata` that the entries of a user give, from the first one on.
fn replay(journal: &[(String, Value)]) -> BTreeMap<&'static str, Option<Map<String, Value>>> {
    let mut parts: BTreeMap<&'static str, Option<Map<String, Value>>> =
        BTreeMap::from([("profile", None), ("user_metadata", None), ("app_metadata", None)]);
    let step = |object: &mut Option<Map<String, Value>>, changes: &Map<String, Value>| {
        let object = object.get_or_insert_default();
        for (key, change) in changes {
            assert_eq!(object.get(key), change.get("before"), "{key}: the value before");
            match change.get("after") {
                Some(after) => object.insert(key.clone(), after.clone()),
                None => object.remove(key),
            };
        }
    };
    for (_, changes) in journal {
        let mut profile = changes.as_object().unwrap().clone();
        profile.remove("password");
        for field in ["user_metadata", "app_metadata"] {
            if let Some(Value::Object(changes)) = profile.remove(field) {
                step(parts.get_mut(field).unwrap(), &changes);
            }
        }
        step(parts.get_mut("profile").unwrap(), &profile);
    }
    // An empty app_metadata is removed.
    if let Some(Some(object)) = parts.get("app_metadata")
        && object.is_empty()
    {
        parts.insert("app_metadata", None);
    }
    parts
}

async fn agrees(tenant: &Tenant, user_id: &str) {
    let journal = tenant.journal(user_id).await;
    let parts = replay(&journal);
    let row = sql("select profile, user_metadata, app_metadata, version from users where tenant_id = $1 and user_id = $2", &[&tenant.name, user_id]).await;
    let stored = |n: usize| row[0][n].as_object().cloned();
    assert_eq!(parts["profile"], stored(0));
    assert_eq!(parts["user_metadata"], stored(1));
    assert_eq!(parts["app_metadata"], stored(2));
    assert_eq!(row[0][3], json!(journal.len()), "one row a version");
}

#[tokio::test]
async fn entry_has_values_before_and_after_and_the_author() {
    let tenant = Tenant::new().await;
    let made =
        tenant.user(json!({ "nickname": "jane", "user_metadata": { "hobby": "surfing", "gone": 1 } })).await;
    let id = made["user_id"].as_str().unwrap();
    let body = json!({ "nickname": "jd", "given_name": "Jane", "user_metadata": { "hobby": "chess", "gone": null, "new": [1] }, "app_metadata": { "plan": "full" } });
    let request = tenant
        .authorized("PATCH", &path_of(&made))
        .header("x-request-id", "req-1")
        .header("user-agent", "test \"agent\"\\1")
        .json(&body);
    assert_eq!(send(request).await.status, 200);
    let journal = tenant.journal(id).await;
    assert_eq!(journal[1].0, "user.updated");
    assert_eq!(
        journal[1].1,
        json!({
            "nickname": { "before": "jane", "after": "jd" },
            "given_name": { "after": "Jane" },
            "user_metadata": { "hobby": { "before": "surfing", "after": "chess" }, "gone": { "before": 1 }, "new": { "after": [1] } },
            "app_metadata": { "plan": { "after": "full" } },
        })
    );
    let who = sql("select actor, client_id, request_id, ip, user_agent from journal where tenant_id = $1 and subject = $2 and kind = 'user.updated'", &[&tenant.name, id]).await;
    assert_eq!(
        who[0],
        [
            json!("test@clients"),
            json!("test"),
            json!("req-1"),
            json!("127.0.0.1"),
            json!("test \"agent\"\\1")
        ]
    );
    agrees(&tenant, id).await;
}

#[tokio::test]
async fn entries_of_clearing_deletion_and_passwords_have_no_secrets() {
    let tenant = Tenant::new().await;
    let made = tenant.user(json!({ "user_metadata": { "a": 1 }, "app_metadata": { "b": 2 } })).await;
    let (id, path) = (made["user_id"].as_str().unwrap(), path_of(&made));
    tenant.patch(&path, json!({ "user_metadata": {}, "app_metadata": {} })).await;
    tenant.patch(&path, json!({ "user_metadata": { "c": { "d": null } } })).await;
    tenant.patch(&path, json!({ "password": "New-Secret-99", "connection": CONNECTION })).await;
    tenant.patch(&path, json!({ "password": null, "connection": CONNECTION })).await;
    agrees(&tenant, id).await;
    tenant.delete(&path).await;
    let journal = tenant.journal(id).await;
    assert_eq!(
        journal.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(),
        ["user.created", "user.updated", "user.updated", "user.updated", "user.updated", "user.deleted"]
    );
    assert_eq!(journal[3].1["password"], json!({ "after": "*****" }));
    assert_eq!(journal[4].1["password"], json!({ "before": "*****" }));
    assert_eq!(journal[5].1["email"], json!({ "before": made["email"] }));
    let text = format!("{journal:?}");
    assert!(!text.contains("New-Secret") && !text.contains("argon2") && !text.contains("Correct-Horse"));
}

#[tokio::test]
async fn rejected_change_writes_no_entry() {
    let tenant = Tenant::new().await;
    let made = tenant.user(json!({})).await;
    let other = tenant.user(json!({})).await;
    let id = made["user_id"].as_str().unwrap();
    tenant.patch(&path_of(&made), json!({ "email": other["email"] })).await;
    tenant.patch(&path_of(&made), json!({ "user_metadata": "x" })).await;
    tenant.delete("/api/v2/users/auth0%7Cnobody").await;
    assert_eq!(tenant.journal(id).await.len(), 1);
    assert!(tenant.journal("auth0|nobody").await.is_empty());
}

#[tokio::test]
async fn journal_is_append_only() {
    let tenant = Tenant::new().await;
    tenant.user(json!({})).await;
    let refused = crate::support::try_execute(
        "update journal set actor = 'somebody else' where tenant_id = $1",
        &[&tenant.name],
    )
    .await;
    assert!(refused.unwrap_err().contains("append-only"));
}

#[tokio::test]
async fn provisioning_is_in_the_journal_without_secrets() {
    let tenant = Tenant::new().await;
    let rows = sql("select kind, changes, actor from journal where tenant_id = $1", &[&tenant.name]).await;
    let kinds: Vec<&str> = rows.iter().map(|row| row[0].as_str().unwrap()).collect();
    for kind in [
        "tenant.created",
        "signing_key.created",
        "client.created",
        "client_grant.created",
        "connection.created",
    ] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    assert!(rows.iter().all(|row| row[2] == "command:test"));
    assert!(!format!("{rows:?}").contains(&tenant.client.client_secret));
}

#[tokio::test]
async fn tenant_file_changes_what_it_names_and_nothing_twice() {
    let mut config = None;
    let tenant = Tenant::with(|c| config = Some(c.clone())).await;
    let mut config = config.unwrap();
    let count = || async {
        sql("select count(*) as n from journal where tenant_id = $1", &[&tenant.name]).await[0][0].clone()
    };
    let before = count().await;
    assert!(apply(&config).await.is_empty());
    assert_eq!(count().await, before);
    config.token_lifetime = 60;
    config.connections[0].password_policy = roster::base::passwords::Policy::None;
    let report = apply(&config).await;
    assert_eq!(
        report,
        [format!("changed tenant {}", tenant.name), format!("changed connection {CONNECTION}")]
    );
    assert!(tenant.user(json!({ "password": "x" })).await["user_id"].is_string());
}

/// 32 clients change 32 keys of one user 20 times each. No write is lost, and the journal gives the same
/// document.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_changes_of_one_user_are_all_kept() {
    let tenant = std::sync::Arc::new(Tenant::new().await);
    let made = tenant.user(json!({})).await;
    let (id, path) = (made["user_id"].as_str().unwrap().to_owned(), path_of(&made));
    let clients = (0..32).map(|client| {
        let (tenant, path) = (std::sync::Arc::clone(&tenant), path.clone());
        tokio::spawn(async move {
            for turn in 1..=20 {
                let field = if turn % 2 == 0 { "user_metadata" } else { "app_metadata" };
                let answer = tenant.patch(&path, json!({ field: { format!("k{client}"): turn } })).await;
                assert_eq!(answer.status, 200, "{}", answer.text);
                assert_eq!(answer.json[field][format!("k{client}")], turn, "the answer has the change");
            }
        })
    });
    for done in futures_util::future::join_all(clients).await {
        done.unwrap();
    }
    let user = tenant.get(&path).await.json;
    for client in 0..32 {
        let key = format!("k{client}");
        assert_eq!((&user["user_metadata"][&key], &user["app_metadata"][&key]), (&json!(20), &json!(19)));
    }
    assert_eq!(tenant.journal(&id).await.len(), 641);
    agrees(&tenant, &id).await;
}

/// 32 writers send the version they read: for each version exactly one succeeds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditional_writers_succeed_once_for_each_version() {
    let tenant = std::sync::Arc::new(Tenant::new().await);
    let made = tenant.user(json!({})).await;
    let path = path_of(&made);
    for round in 0..5 {
        let etag = tenant.get(&path).await.header("etag").unwrap().to_owned();
        let writers = (0..32).map(|n| {
            let request = tenant
                .authorized("PATCH", &path)
                .header("if-match", &etag)
                .json(&json!({ "user_metadata": { "winner": n } }));
            tokio::spawn(async move { send(request).await.status })
        });
        let mut statuses: Vec<u16> =
            futures_util::future::join_all(writers).await.into_iter().map(Result::unwrap).collect();
        statuses.sort_unstable();
        assert_eq!((statuses[0], &statuses[1..]), (200, &[412; 31][..]), "round {round}");
    }
}
