//! Secrets inside the documents of connections and clients: no table contains them in the clear, and answers do.

use futures_util::future::join_all;
use roster::base::vault::Location;
use serde_json::{Map, Value, json};

use crate::support::{Tenant, send, server, sql, unique};

/// The beginning of every secret text of these tests.
const MARKER: &str = "hush-";
/// The beginning of every secret number.
const NUMBER: u64 = 918_273_645_000;

/// Names of options and properties of add-ons: some look like secrets, others say nothing.
const NAMES: [&str; 18] = [
    "passphrase",
    "pwd",
    "credentials",
    "cert",
    "signing_cert",
    "Authorization",
    "api_key",
    "privateKey",
    "bearerToken",
    "client_secret",
    "x",
    "made_up",
    "a/b~c",
    "headers",
    "value",
    "user",
    "1",
    "configuration",
];

/// Documents of random form that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        // Knuth's MMIX generator; its low bits are not random.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn object(&mut self, depth: u64) -> Value {
        let count = 1 + self.below(4);
        let mut members = Map::new();
        for _ in 0..count {
            let name = NAMES[usize::try_from(self.below(NAMES.len() as u64)).unwrap()];
            members.insert(name.to_owned(), self.value(depth));
        }
        Value::Object(members)
    }

    fn value(&mut self, depth: u64) -> Value {
        match self.below(if depth == 0 { 4 } else { 8 }) {
            0..=2 => json!(format!("{MARKER}{}", self.below(1 << 30))),
            3 => json!(NUMBER + self.below(1000)),
            4 => json!([self.value(depth - 1), null, true, self.value(depth - 1)]),
            _ => self.object(depth - 1),
        }
    }
}

/// The rows of all tables of a tenant that contain a marker, in the clear or encoded.
async fn leaks(tenant: &Tenant) -> Vec<String> {
    let tables = sql(
        "select table_name from information_schema.columns where column_name = 'tenant_id' and table_schema = current_schema()",
        &[],
    )
    .await;
    assert!(tables.len() > 20, "{tables:?}");
    // The marker in hex, and in base64 at each of the three places in a group.
    let encoded = ["687573682d", "aHVzaC", "h1c2gt", "odXNoL"];
    let number = NUMBER.to_string();
    let markers = [&[MARKER, &number[..9]], &encoded[..]].concat();
    let mut leaks = Vec::new();
    for table in tables {
        let table = table[0].as_str().unwrap();
        let query = format!("select t::text as line from {table} t where t.tenant_id = $1");
        for row in sql(&query, &[&tenant.name]).await {
            let line = row[0].as_str().unwrap().to_owned();
            if markers.iter().any(|marker| line.contains(marker)) {
                leaks.push(format!("{table}: {line}"));
            }
        }
    }
    leaks
}

#[tokio::test]
async fn options_of_connections_are_in_no_table_in_the_clear() {
    let tenant = Tenant::new().await;
    let mut random = Random(1);
    for strategy in
        ["auth0", "oidc", "oauth2", "samlp", "waad", "google-oauth2", "sms", "email", "ad", "custom"]
    {
        for _ in 0..4 {
            let mut options = random.object(4);
            if strategy == "auth0" {
                options["configuration"] = json!({});
            }
            let body = json!({ "name": unique("c"), "strategy": strategy, "options": options });
            let created = tenant.post("/api/v2/connections", body).await;
            assert_eq!(created.status, 201, "{}", created.text);
            let path = format!("/api/v2/connections/{}", created.json["id"].as_str().unwrap());
            for (name, value) in options.as_object().unwrap() {
                assert_eq!(&created.json["options"][name], value, "{strategy} {name}");
            }
            assert_eq!(tenant.get(&path).await.json, created.json);
            let mut changed = random.object(4);
            changed["configuration"] = json!({});
            let answer = tenant.patch(&path, json!({ "options": changed })).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            for (name, value) in changed.as_object().unwrap() {
                assert_eq!(&answer.json["options"][name], value, "{strategy} {name}");
            }
            assert_eq!(tenant.patch(&path, json!({ "display_name": "D" })).await.status, 200);
            if random.below(2) == 0 {
                assert_eq!(tenant.delete(&path).await.status, 202);
            }
        }
    }
    assert_eq!(leaks(&tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn addons_and_encryption_keys_of_clients_are_in_no_table_in_the_clear() {
    let tenant = Tenant::new().await;
    let addons =
        ["aws", "azure_blob", "azure_sb", "box", "cloudbees", "firebase", "samlp", "sap_api", "wams"];
    let mut random = Random(2);
    for _ in 0..20 {
        let mut addon = || addons[usize::try_from(random.below(addons.len() as u64)).unwrap()];
        let (first, second, third) = (addon(), addon(), addon());
        let sent = json!({ first: random.object(3), second: random.object(3) });
        let key = json!({ "pub": format!("{MARKER}1"), "cert": "c", "own": random.object(2) });
        let body = json!({ "name": "A", "addons": sent, "encryption_key": key });
        let created = tenant.post("/api/v2/clients", body).await;
        assert_eq!(created.status, 201, "{}", created.text);
        assert_eq!((&created.json["addons"], &created.json["encryption_key"]), (&sent, &key));
        let path = format!("/api/v2/clients/{}", created.json["client_id"].as_str().unwrap());
        let replaced = random.object(3);
        let patch = json!({ "addons": { third: replaced, first: null }, "encryption_key": { "cert": format!("{MARKER}2") } });
        let answer = tenant.patch(&path, patch).await;
        let mut expected = sent.as_object().unwrap().clone();
        expected.insert(third.to_owned(), replaced);
        expected.remove(first);
        assert_eq!(
            (answer.status, &answer.json["addons"]),
            (200, &Value::Object(expected)),
            "{}",
            answer.text
        );
        assert_eq!(answer.json["encryption_key"]["pub"], key["pub"]);
        let read = tenant.get(&path).await.json;
        assert_eq!(read["addons"], answer.json["addons"]);
        assert_eq!(tenant.patch(&path, json!({ "description": "D" })).await.json["addons"], read["addons"]);
        match random.below(4) {
            0 => assert_eq!(tenant.patch(&path, json!({ "addons": {} })).await.json["addons"], json!({})),
            1 => assert_eq!(tenant.patch(&path, json!({ "addons": null })).await.json.get("addons"), None),
            2 => assert_eq!(tenant.delete(&path).await.status, 204),
            _ => {}
        }
    }
    assert_eq!(leaks(&tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn concurrent_changes_of_addons_are_all_kept() {
    let tenant = Tenant::new().await;
    let created =
        tenant.post("/api/v2/clients", json!({ "name": "A", "addons": { "box": { "token": "old" } } })).await;
    let path = format!("/api/v2/clients/{}", created.json["client_id"].as_str().unwrap());
    let addons = ["aws", "azure_sb", "box", "cloudbees", "firebase", "samlp", "wams", "wsfed"];
    let change = |addon: &str| {
        tenant.authorized("PATCH", &path).json(&json!({ "addons": { addon: { "token": addon } } }))
    };
    let answers = join_all(addons.map(|addon| send(change(addon)))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let expected: Map<String, Value> =
        addons.iter().map(|addon| ((*addon).to_owned(), json!({ "token": addon }))).collect();
    assert_eq!(tenant.get(&path).await.json["addons"], Value::Object(expected));
}

#[tokio::test]
async fn journal_shows_that_a_secret_changed_and_not_that_it_was_sent() {
    let tenant = Tenant::new().await;
    let body =
        json!({ "name": "A", "addons": { "box": { "token": "one" } }, "encryption_key": { "pub": "p" } });
    let created = tenant.post("/api/v2/clients", body).await.json;
    let id = created["client_id"].as_str().unwrap();
    for token in ["one", "two"] {
        let patch = json!({ "addons": { "box": { "token": token } }, "encryption_key": { "pub": "p" } });
        assert_eq!(tenant.patch(&format!("/api/v2/clients/{id}"), patch).await.status, 200);
    }
    let changes: Vec<Value> = tenant.journal(id).await.into_iter().map(|(_, changes)| changes).collect();
    let changed = json!({ "before": "*****", "after": "*****" });
    assert_eq!(changes[1..], [json!({}), json!({ "addons": changed })]);
}

#[tokio::test]
async fn what_looks_like_a_secret_in_an_addon_needs_a_scope_for_keys() {
    let tenant = Tenant::new().await;
    let addons = json!({
        "firebase": { "private_key": "a", "private_key_id": "b", "client_email": "c" },
        "box": { "passphrase": "d", "deep": [{ "pwd": "e", "team": "f" }] },
    });
    let created = tenant.post("/api/v2/clients", json!({ "name": "A", "addons": addons })).await.json;
    let path = format!("/api/v2/clients/{}", created["client_id"].as_str().unwrap());
    let read = async |scope: &str| {
        let token = tenant.token_with(&[scope]).await;
        send(tenant.request("GET", &path).bearer_auth(token)).await.json["addons"].clone()
    };
    assert_eq!(read("read:client_keys").await, addons);
    assert_eq!(
        read("read:clients").await,
        json!({ "firebase": { "private_key_id": "b", "client_email": "c" }, "box": { "deep": [{ "team": "f" }] } })
    );
}

/// The sealed secrets of a connection, opened.
async fn opened(tenant: &Tenant, id: &str) -> Value {
    let rows = sql(
        "select secrets from connections where tenant_id = $1 and connection_id = $2",
        &[&tenant.name, id],
    )
    .await;
    let hex = rows[0][0].as_str().unwrap().trim_start_matches("\\x");
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).map(|n| u8::from_str_radix(&hex[n..n + 2], 16).unwrap()).collect();
    let location = Location::Connections.row(&tenant.name, id);
    serde_json::from_slice(&server().app.vault.open(&location, &bytes).unwrap()).unwrap()
}

#[tokio::test]
async fn configuration_of_a_database_is_answered_encrypted() {
    let tenant = Tenant::new().await;
    let configuration = json!({ "API_KEY": "hush-1", "n": 7, "deep": { "list": ["hush-1"] } });
    let body =
        json!({ "name": unique("c"), "strategy": "auth0", "options": { "configuration": configuration } });
    let created = tenant.post("/api/v2/connections", body).await;
    assert!(!created.text.contains("hush"), "{}", created.text);
    let id = created.json["id"].as_str().unwrap();
    let path = format!("/api/v2/connections/{id}");
    let answered = &created.json["options"]["configuration"];
    for pointer in ["/API_KEY", "/n", "/deep/list/0"] {
        let text = answered.pointer(pointer).unwrap().as_str().unwrap();
        assert!(text.starts_with("2.0$") && text.len() == 68, "{text}");
    }
    assert_ne!(
        answered["API_KEY"], answered["deep"]["list"][0],
        "equal values at two places do not look equal"
    );
    let read = tenant.get(&path).await.json;
    assert_eq!(&read["options"]["configuration"], answered);
    let listed = tenant.get("/api/v2/connections?strategy=auth0").await.json;
    assert!(listed.as_array().unwrap().contains(&read) && !listed.to_string().contains("hush"));

    // What a tool exported and imports again keeps the values.
    let stored = opened(&tenant, id).await;
    assert_eq!(
        (&stored["/configuration/API_KEY"], &stored["/configuration/n"]),
        (&json!("hush-1"), &json!(7))
    );
    let again = tenant.patch(&path, json!({ "options": read["options"] })).await;
    assert_eq!((again.status, &again.json["options"]), (200, &read["options"]));
    assert_eq!(opened(&tenant, id).await, stored);

    let mut options = read["options"].clone();
    options["configuration"]["API_KEY"] = json!("hush-2");
    let changed = tenant.patch(&path, json!({ "options": options })).await;
    assert_ne!(changed.json["options"]["configuration"]["API_KEY"], answered["API_KEY"]);
    assert_eq!(changed.json["options"]["configuration"]["n"], answered["n"]);
    let stored = opened(&tenant, id).await;
    assert_eq!(
        (&stored["/configuration/API_KEY"], &stored["/configuration/n"]),
        (&json!("hush-2"), &json!(7))
    );
    assert_eq!(leaks(&tenant).await, Vec::<String>::new());

    let social =
        json!({ "name": unique("c"), "strategy": "custom", "options": { "configuration": { "a": "b" } } });
    let social = tenant.post("/api/v2/connections", social).await;
    assert_eq!(social.json["options"]["configuration"], json!({ "a": "b" }), "no database");
}
