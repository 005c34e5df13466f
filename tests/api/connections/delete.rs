//! `DELETE /api/v2/connections/{id}` and `DELETE /api/v2/connections/{id}/users`.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{PATH, UNKNOWN, created, enabled, erase, kinds, path_of};
use crate::support::{
    CONNECTION, PASSWORD, Tenant, apply, execute, overtaken, path_of as path_of_user, sql, unique,
};

async fn users(tenant: &Tenant, connection: &Value, count: usize) -> Vec<Value> {
    join_all((0..count).map(|_| tenant.user(json!({ "connection": connection["name"] })))).await
}

/// Links one user to another as a secondary identity.
async fn link(tenant: &Tenant, primary: &Value, secondary: &Value) {
    let id = secondary["user_id"].as_str().unwrap().strip_prefix("auth0|").unwrap();
    let body = json!({ "provider": "auth0", "user_id": id });
    let answer = tenant.post(&format!("{}/identities", path_of_user(primary)), body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
}

#[tokio::test]
async fn connection_is_gone_immediately_and_its_users_later() {
    let tenant = Tenant::new().await;
    let connection = enabled(&tenant, json!({})).await;
    let (users, other) = (users(&tenant, &connection, 3).await, tenant.user(json!({})).await);
    let first = tenant.delete(&path_of(&connection)).await;
    assert_eq!(first.status, 202, "{}", first.text);
    assert_eq!(first.json.as_object().unwrap().len(), 1);
    assert!(first.json["deleted_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(tenant.get(&path_of(&connection)).await.error(), UNKNOWN);
    assert_eq!(tenant.get(PATH).await.json.as_array().unwrap().len(), 1);
    let user = json!({ "connection": connection["name"], "email": "j@example.com", "password": PASSWORD });
    assert_eq!(tenant.post("/api/v2/users", user).await.error().1, Some("inexistent_connection"));
    let password = json!({ "password": "Another-Horse-2" });
    assert_eq!(
        tenant.patch(&path_of_user(&users[0]), password).await.error().1,
        Some("inexistent_connection")
    );

    // The users remain until they are erased, and their connection's name stays reserved.
    assert_eq!(tenant.get(&path_of_user(&users[0])).await.json, users[0]);
    assert_eq!(tenant.delete(&path_of(&connection)).await.json, first.json);
    let again = json!({ "name": connection["name"], "strategy": "auth0" });
    assert_eq!(
        tenant.post(PATH, again.clone()).await.error(),
        (
            409,
            Some("connection_conflict"),
            "A connection with the same name is being deleted, try again later"
        )
    );
    erase(&tenant, 0).await;
    for user in &users {
        assert_eq!(tenant.get(&path_of_user(user)).await.status, 404);
        let journal = tenant.journal(user["user_id"].as_str().unwrap()).await;
        assert_eq!(
            journal.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(),
            ["user.created", "user.deleted"]
        );
        assert_eq!(journal[1].1["email"], json!({ "before": user["email"] }));
    }
    assert_eq!(tenant.get(&path_of_user(&other)).await.json, other);
    assert_eq!(tenant.delete(&path_of(&connection)).await.status, 204);
    assert_eq!(tenant.post(PATH, again).await.status, 201);
    assert_eq!(kinds(&tenant, &connection).await, ["connection.created", "connection.deleted"]);
    let authors = sql(
        "select distinct actor from journal where tenant_id = $1 and kind in ('user.deleted', 'connection.deleted')",
        &[&tenant.name],
    )
    .await;
    assert_eq!(authors, [[json!("test@clients")]], "the author of the deletion is the author of the erasure");
}

#[tokio::test]
async fn name_is_free_immediately_without_users() {
    let tenant = Tenant::new().await;
    let connection = created(&tenant, json!({})).await;
    assert_eq!(tenant.delete(&path_of(&connection)).await.status, 202);
    assert_eq!(tenant.delete(&path_of(&connection)).await.status, 204);
    assert_eq!(tenant.delete(&format!("{PATH}/nobody")).await.status, 204);
    let next = enabled(&tenant, json!({ "name": connection["name"] })).await;
    let user = users(&tenant, &next, 1).await.remove(0);
    // The queued erasure of the first connection does not reach the users of the second.
    erase(&tenant, 1).await;
    assert_eq!(tenant.get(&path_of_user(&user)).await.json, user);
    assert_eq!(tenant.delete(&path_of(&connection)).await.status, 204);
    erase(&tenant, 60).await;
    assert_eq!(
        sql("select name from connection_deletions where tenant_id = $1", &[&tenant.name]).await.len(),
        0
    );
    assert_eq!(tenant.get(&path_of_user(&user)).await.json, user);
}

#[tokio::test]
async fn tenant_file_recreates_the_connection_without_its_users() {
    let mut config = None;
    let tenant = Tenant::with(|built_in| config = Some(built_in.clone())).await;
    let mut config = config.unwrap();
    config.name.clone_from(&tenant.name);
    let user = tenant.user(json!({})).await;
    let connection = tenant.get(&format!("{PATH}?name={CONNECTION}")).await.json[0].clone();
    assert_eq!(tenant.delete(&path_of(&connection)).await.status, 202);
    // Another instance is erasing the users and has not finished.
    let busy = "update connection_deletions set due_at = now() + interval '1 second' where tenant_id = $1";
    execute(busy, &[&tenant.name]).await;
    assert_eq!(apply(&config).await, [format!("created connection {CONNECTION}")]);
    assert_eq!(tenant.get(&path_of_user(&user)).await.status, 404);
    let user = tenant.user(json!({})).await;
    erase(&tenant, 60).await;
    assert_eq!(tenant.get(&path_of_user(&user)).await.json, user);
}

#[tokio::test]
async fn linked_users_lose_their_identities_in_it() {
    let tenant = Tenant::new().await;
    let connection = enabled(&tenant, json!({})).await;
    let inside = users(&tenant, &connection, 3).await;
    let outside = [tenant.user(json!({})).await, tenant.user(json!({ "user_metadata": { "a": 1 } })).await];
    // One user has the primary identity in the connection and a secondary one elsewhere; another has the primary one
    // elsewhere and two secondary ones in the connection.
    link(&tenant, &inside[0], &outside[0]).await;
    link(&tenant, &outside[1], &inside[1]).await;
    link(&tenant, &outside[1], &inside[2]).await;
    tenant.delete(&path_of(&connection)).await;
    erase(&tenant, 0).await;
    for gone in [&inside[0], &inside[1], &inside[2], &outside[0]] {
        assert_eq!(tenant.get(&path_of_user(gone)).await.status, 404);
    }
    let left = tenant.get(&path_of_user(&outside[1])).await.json;
    assert_eq!(
        (&left["identities"], &left["user_metadata"]),
        (&outside[1]["identities"], &json!({ "a": 1 }))
    );
    let journal = tenant.journal(left["user_id"].as_str().unwrap()).await;
    let (kind, changes) = journal.last().unwrap();
    assert_eq!(kind, "user.updated");
    assert_eq!(changes["identities"]["after"], left["identities"]);
    assert_eq!(changes["identities"]["before"].as_array().unwrap().len(), 3);
    let rows = sql("select user_id from identities where tenant_id = $1", &[&tenant.name]).await;
    assert_eq!(rows, [[left["user_id"].clone()]]);
}

#[tokio::test]
async fn each_user_is_erased_once_by_concurrent_workers() {
    let tenant = Tenant::new().await;
    let connections = join_all((0..3).map(|_| enabled(&tenant, json!({})))).await;
    for connection in &connections {
        users(&tenant, connection, 8).await;
        tenant.delete(&path_of(connection)).await;
    }
    join_all((0..6).map(|_| erase(&tenant, 0))).await;
    let entries = sql(
        "select count(*) as entries, count(distinct subject) as users from journal where tenant_id = $1 and kind = 'user.deleted'",
        &[&tenant.name],
    )
    .await;
    assert_eq!(entries, [[json!(24), json!(24)]]);
    assert_eq!(sql("select user_id from users where tenant_id = $1", &[&tenant.name]).await.len(), 0);
}

#[tokio::test]
async fn user_created_during_the_deletion_is_erased() {
    let tenant = Tenant::new().await;
    let connection = enabled(&tenant, json!({})).await;
    let path = path_of(&connection);
    let user = || {
        let email = format!("{}@example.com", unique("u"));
        tenant.post(
            "/api/v2/users",
            json!({ "connection": connection["name"], "email": email, "password": PASSWORD }),
        )
    };
    let (created, deleted, ()) =
        tokio::join!(join_all((0..12).map(|_| user())), tenant.delete(&path), erase(&tenant, 0));
    assert_eq!(deleted.status, 202);
    assert!(
        created
            .iter()
            .all(|answer| answer.status == 201 || answer.error().1 == Some("inexistent_connection"))
    );
    erase(&tenant, 2).await;
    assert_eq!(sql("select user_id from identities where tenant_id = $1", &[&tenant.name]).await.len(), 0);
}

/// The deletion of a connection by a concurrent request.
const DELETION: [&str; 2] = [
    "insert into connection_deletions (tenant_id, connection_id, name, author, deleted_at, due_at)
     select tenant_id, connection_id, name, '(operator,,,,)', now(), now() + interval '1 day'
       from connections
      where tenant_id = $1
        and connection_id = $2",
    "delete from connections where tenant_id = $1 and connection_id = $2",
];

#[tokio::test]
async fn connection_that_waited_for_the_name_is_rejected() {
    let tenant = Tenant::new().await;
    let connection = enabled(&tenant, json!({})).await;
    users(&tenant, &connection, 1).await;
    let parameters = [tenant.name.as_str(), connection["id"].as_str().unwrap()];
    let again = json!({ "name": connection["name"], "strategy": "auth0" });
    let answer = overtaken(&DELETION, parameters, tenant.post(PATH, again)).await;
    assert_eq!(
        answer.error(),
        (
            409,
            Some("connection_conflict"),
            "A connection with the same name is being deleted, try again later"
        )
    );
}

#[tokio::test]
async fn user_is_not_created_in_a_new_connection_of_the_name() {
    let tenant = Tenant::new().await;
    for path in ["/api/v2/users", "/dbconnections/signup"] {
        let connection = enabled(&tenant, json!({})).await;
        let parameters = [tenant.name.as_str(), connection["id"].as_str().unwrap()];
        let [remember, delete] = DELETION;
        let again = "insert into connections (tenant_id, connection_id, name, strategy, options)
                     select tenant_id, connection_id || '2', name, 'auth0', '{}'
                       from connection_deletions
                      where tenant_id = $1
                        and connection_id = $2";
        let mut user =
            json!({ "connection": connection["name"], "email": "j@example.com", "password": PASSWORD });
        if path != "/api/v2/users" {
            user["client_id"] = json!(tenant.client.client_id);
        }
        let answer = overtaken(&[remember, delete, again], parameters, tenant.post(path, user)).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
    assert_eq!(sql("select user_id from users where tenant_id = $1", &[&tenant.name]).await.len(), 0);
    assert_eq!(sql("select user_id from identities where tenant_id = $1", &[&tenant.name]).await.len(), 0);
}

#[tokio::test]
async fn user_is_deleted_by_email_address() {
    let tenant = Tenant::new().await;
    let connection = enabled(&tenant, json!({})).await;
    let path = format!("{}/users", path_of(&connection));
    let jane = tenant.user(json!({ "connection": connection["name"], "email": "jane@example.com" })).await;
    let john = tenant.user(json!({ "connection": connection["name"] })).await;
    let other = tenant.user(json!({ "connection": CONNECTION, "email": "jane@example.com" })).await;
    for email in ["nobody@example.com", "JANE@example.com", "jane@example.com"] {
        assert_eq!(tenant.delete(&format!("{path}?email={email}")).await.status, 204);
    }
    assert_eq!(tenant.get(&path_of_user(&jane)).await.status, 404);
    assert_eq!(tenant.journal(jane["user_id"].as_str().unwrap()).await[1].0, "user.deleted");
    for user in [&john, &other] {
        assert_eq!(&tenant.get(&path_of_user(user)).await.json, user);
    }
    assert_eq!(tenant.delete(&path).await.error().1, Some("invalid_query_string"));
    assert_eq!(tenant.delete(&format!("{PATH}/nobody/users?email=a@b.co")).await.error(), UNKNOWN);
    let okta = created(&tenant, json!({ "strategy": "okta" })).await;
    assert_eq!(
        tenant.delete(&format!("{}/users?email=a@b.co", path_of(&okta))).await.error().2,
        "Connection must be a database connection"
    );
}

#[tokio::test]
async fn user_that_cannot_be_erased_holds_up_no_other() {
    let tenant = Tenant::new().await;
    let (first, second) = (enabled(&tenant, json!({})).await, enabled(&tenant, json!({})).await);
    let (members, others) = (users(&tenant, &first, 30).await, users(&tenant, &second, 2).await);
    let culprit = members[11]["user_id"].as_str().unwrap();
    let name = tenant.name.replace('-', "_");
    for statement in [
        format!(
            "create function keep_{name}() returns trigger language plpgsql as $$ begin raise exception 'kept'; end $$"
        ),
        format!(
            "create trigger keep_{name} before delete on users for each row when (old.user_id = '{culprit}') execute function keep_{name}()"
        ),
    ] {
        execute(&statement, &[]).await;
    }
    for connection in [&first, &second] {
        assert_eq!(tenant.delete(&path_of(connection)).await.status, 202);
    }
    // One round fails, and its connection goes to the back.
    erase(&tenant, 0).await;
    for user in &others {
        assert_eq!(tenant.get(&path_of_user(user)).await.status, 404);
    }
    assert_eq!(tenant.get(&path_of_user(&members[0])).await.status, 200);
    for minutes in 1..8 {
        erase(&tenant, minutes).await;
    }
    for user in &members {
        let is_culprit = user["user_id"] == culprit;
        assert_eq!(tenant.get(&path_of_user(user)).await.status, if is_culprit { 200 } else { 404 });
    }
    execute(&format!("drop trigger keep_{name} on users"), &[]).await;
    for minutes in [120, 240] {
        erase(&tenant, minutes).await;
    }
    assert_eq!(tenant.get(&path_of_user(&members[11])).await.status, 404);
}
