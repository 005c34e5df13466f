//! `/lo/reset` and `/u/email-verification`.

use futures_util::future::join_all;
use serde_json::json;

use super::{has_password, open, set_password, submit, ticket};
use crate::support::{PASSWORD, Tenant, execute, form, path_of};

const NEW: &str = "Another-Horse-2";

#[tokio::test]
async fn link_sets_a_password_once() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    let link = ticket(&tenant, "password-change", &user, json!({})).await;
    for _ in 0..2 {
        assert_eq!(open(&tenant, &link).await.status, 200, "to open the page does not use the ticket");
    }
    assert_eq!(set_password(&tenant, &link, NEW).await.status, 200);
    assert!(has_password(&tenant, &user, NEW).await);
    let (opened, again) = (open(&tenant, &link).await, set_password(&tenant, &link, PASSWORD).await);
    assert_eq!((opened.status, again.status), (410, 410));
    assert!(again.text.contains("has been used already"), "{}", again.text);
    assert!(has_password(&tenant, &user, NEW).await);
    let now = tenant.get(&path_of(&user)).await.json;
    assert!(now["last_password_reset"].is_string());
    assert_eq!(now["email_verified"], false);
    let (kind, changes) = tenant.journal(user["user_id"].as_str().unwrap()).await.pop().unwrap();
    assert_eq!((kind.as_str(), &changes["password"]), ("user.updated", &json!({ "after": "*****" })));
}

#[tokio::test]
async fn one_of_many_concurrent_uses_succeeds() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    let link = ticket(&tenant, "password-change", &user, json!({})).await;
    let passwords: Vec<String> = (0..8).map(|n| format!("{NEW}-{n}")).collect();
    let answers = join_all(passwords.iter().map(|password| set_password(&tenant, &link, password))).await;
    let succeeded: Vec<usize> = (0..8).filter(|n| answers[*n].status == 200).collect();
    assert_eq!(succeeded.len(), 1, "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    assert!(answers.iter().all(|answer| [200, 410].contains(&answer.status)));
    assert!(has_password(&tenant, &user, &passwords[succeeded[0]]).await);

    let link = ticket(&tenant, "email-verification", &user, json!({})).await;
    let answers = join_all((0..8).map(|_| submit(&tenant, &link, &[]))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    let updates = tenant.journal(user["user_id"].as_str().unwrap()).await;
    assert_eq!(updates.iter().filter(|(_, changes)| changes.get("email_verified").is_some()).count(), 2);
}

#[tokio::test]
async fn one_of_two_links_for_a_password_can_be_used() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    let links = [
        ticket(&tenant, "password-change", &user, json!({})).await,
        ticket(&tenant, "password-change", &user, json!({})).await,
    ];
    let answers = join_all(links.iter().map(|link| set_password(&tenant, link, NEW))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for link in &links {
        assert_eq!(open(&tenant, link).await.status, 410);
    }
}

#[tokio::test]
async fn link_is_outdated_when_address_or_password_changes() {
    let tenant = Tenant::new().await;
    for (kind, change, survives) in [
        ("password-change", json!({ "password": "Yet-Another-3" }), false),
        ("password-change", json!({ "email": "moved1@example.com" }), false),
        ("password-change", json!({ "nickname": "x", "user_metadata": { "a": 1 } }), true),
        ("email-verification", json!({ "email": "moved2@example.com" }), false),
        ("email-verification", json!({ "password": "Yet-Another-3" }), true),
    ] {
        let user = tenant.user(json!({})).await;
        let link = ticket(&tenant, kind, &user, json!({})).await;
        assert_eq!(tenant.patch(&path_of(&user), change.clone()).await.status, 200);
        let expected = if survives { 200 } else { 410 };
        assert_eq!(open(&tenant, &link).await.status, expected, "{kind} {change}");
        assert_eq!(set_password(&tenant, &link, NEW).await.status, expected, "{kind} {change}");
        assert!(survives || !has_password(&tenant, &user, NEW).await);
    }
    let user = tenant.user(json!({})).await;
    let link = ticket(&tenant, "password-change", &user, json!({})).await;
    tenant.delete(&path_of(&user)).await;
    assert_eq!(set_password(&tenant, &link, NEW).await.status, 400);
}

#[tokio::test]
async fn concurrent_change_and_use_never_verify_the_new_address() {
    let tenant = Tenant::new().await;
    for n in 0..8 {
        let user = tenant.user(json!({})).await;
        let link = ticket(&tenant, "email-verification", &user, json!({})).await;
        let (path, moved) = (path_of(&user), json!({ "email": format!("new{n}@example.com") }));
        let (changed, _) = tokio::join!(tenant.patch(&path, moved), submit(&tenant, &link, &[]));
        assert_eq!(changed.status, 200, "{}", changed.text);
        assert_eq!(tenant.get(&path).await.json["email_verified"], false);
    }
}

#[tokio::test]
async fn link_expires_after_its_lifetime() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    let link = ticket(&tenant, "password-change", &user, json!({ "ttl_sec": 1 })).await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let answer = set_password(&tenant, &link, NEW).await;
    assert_eq!(answer.status, 410);
    assert!(answer.text.contains("has expired"), "{}", answer.text);
    assert!(has_password(&tenant, &user, PASSWORD).await);
}

#[tokio::test]
async fn rejected_password_leaves_the_link_usable() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    let link = ticket(&tenant, "password-change", &user, json!({})).await;
    let weak = set_password(&tenant, &link, "weak").await;
    assert_eq!(weak.status, 400);
    assert!(weak.text.contains("too weak") && weak.text.contains("at least 8 characters"), "{}", weak.text);
    let mistyped = submit(&tenant, &link, &[("password", NEW), ("confirmation", PASSWORD)]).await;
    assert_eq!(mistyped.status, 400);
    assert!(mistyped.text.contains("not the same") && !mistyped.text.contains(NEW), "{}", mistyped.text);
    assert_eq!(set_password(&tenant, &link, NEW).await.status, 200);
}

#[tokio::test]
async fn password_can_be_any_text_without_nul() {
    let tenant =
        Tenant::with(|config| config.connections[0].password_policy = roster::base::passwords::Policy::None)
            .await;
    for password in ["true", "123", "ä+ö %26", "{}"] {
        let user = tenant.user(json!({})).await;
        let link = ticket(&tenant, "password-change", &user, json!({})).await;
        assert_eq!(set_password(&tenant, &link, password).await.status, 200);
        assert!(has_password(&tenant, &user, password).await, "{password}");
    }
    let user = tenant.user(json!({})).await;
    let link = ticket(&tenant, "password-change", &user, json!({})).await;
    assert_eq!(set_password(&tenant, &link, "a\0b").await.status, 400);
    assert_eq!(set_password(&tenant, &link, "").await.status, 400);
}

#[tokio::test]
async fn link_verifies_an_address_once() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    let link = ticket(&tenant, "email-verification", &user, json!({})).await;
    assert_eq!(open(&tenant, &link).await.status, 200);
    assert_eq!(tenant.get(&path_of(&user)).await.json["email_verified"], false);
    assert_eq!(submit(&tenant, &link, &[]).await.status, 200);
    assert_eq!(tenant.get(&path_of(&user)).await.json["email_verified"], true);
    assert_eq!(submit(&tenant, &link, &[]).await.status, 410);
    let (kind, changes) = tenant.journal(user["user_id"].as_str().unwrap()).await.pop().unwrap();
    assert_eq!(
        (kind, changes),
        ("user.updated".into(), json!({ "email_verified": { "before": false, "after": true } }))
    );
}

#[tokio::test]
async fn new_password_can_also_verify_the_address() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    let link = ticket(&tenant, "password-change", &user, json!({ "mark_email_as_verified": true })).await;
    assert_eq!(set_password(&tenant, &link, NEW).await.status, 200);
    assert_eq!(tenant.get(&path_of(&user)).await.json["email_verified"], true);
}

#[tokio::test]
async fn browser_is_redirected_to_the_result_url() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({ "email": "jane+1@example.com" })).await;
    let more = json!({ "result_url": "https://app.example.com/done?a=1", "includeEmailInRedirect": true });
    let link = ticket(&tenant, "email-verification", &user, more).await;
    let page = open(&tenant, &link).await;
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("form-action 'self' https://app.example.com;")
    );
    let (path, token) = link.split_once("?ticket=").unwrap();
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let url = format!("http://{}{path}", crate::support::server().address);
    let request = form(browser.post(url).header("host", &tenant.host), &[("ticket", token)]);
    let done = request.send().await.unwrap();
    assert_eq!(done.status(), 303);
    insta::assert_snapshot!(done.headers()["location"].to_str().unwrap(), @"https://app.example.com/done?a=1&email=jane%2B1%40example.com&success=true&message=Your+email+was+verified.+You+can+continue+using+the+application.");
}

#[tokio::test]
async fn pages_escape_text_and_are_neither_scripted_nor_cached() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({ "email": "o'brien&co@example.com" })).await;
    for (kind, is_rejected) in
        [("password-change", false), ("password-change", true), ("email-verification", false)]
    {
        let link = ticket(&tenant, kind, &user, json!({})).await;
        let page =
            if is_rejected { set_password(&tenant, &link, "x").await } else { open(&tenant, &link).await };
        assert!(
            page.text.contains("o&#39;brien&amp;co@example.com") && !page.text.contains("<script"),
            "{}",
            page.text
        );
        assert!(page.text.contains("<html lang=\"en\">") && page.text.contains("<title>"));
        assert_eq!(page.text.matches("<label for=").count(), page.text.matches("type=\"password\"").count());
        assert_eq!(page.text.matches("new-password").count(), page.text.matches("type=\"password\"").count());
        assert_eq!(page.text.contains("role=\"alert\" aria-live=\"assertive\""), is_rejected);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(
            page.header("content-security-policy")
                .unwrap()
                .starts_with("default-src 'none'; style-src 'sha256-")
        );
        assert!(page.header("cache-control").unwrap().contains("no-store"));
        for (name, value) in [("referrer-policy", "no-referrer"), ("x-frame-options", "DENY")] {
            assert_eq!(page.header(name), Some(value));
        }
    }
}

#[tokio::test]
async fn link_is_valid_for_its_tenant_and_page_only() {
    let (tenant, other) = (Tenant::new().await, Tenant::new().await);
    let user = tenant.user(json!({})).await;
    let link = ticket(&tenant, "password-change", &user, json!({})).await;
    assert_eq!(set_password(&other, &link, NEW).await.status, 400);
    assert_eq!(submit(&tenant, &link.replace("/lo/reset", "/u/email-verification"), &[]).await.status, 400);
    for bad in ["/lo/reset", "/lo/reset?ticket=", "/lo/reset?ticket=%22%3E%3Cscript%3E"] {
        let page = open(&tenant, bad).await;
        assert_eq!(page.status, 400);
        assert!(page.text.contains("not valid") && !page.text.contains("<script"), "{}", page.text);
    }
    assert_eq!(set_password(&tenant, &link, NEW).await.status, 200);
}

#[tokio::test]
async fn policy_of_a_page_contains_origins_only() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    let policy = async |url: &str| {
        let link =
            ticket(&tenant, "email-verification", &user, json!({ "result_url": "https://x.test/a" })).await;
        // As an earlier version stored it.
        execute("update tickets set result_url = $2 where tenant_id = $1", &[&tenant.name, url]).await;
        let page = open(&tenant, &link).await;
        assert_eq!(page.status, 200, "{url}");
        page.header("content-security-policy").unwrap().to_owned()
    };
    let plain = policy("mailto:x@x.test").await;
    assert!(plain.contains("form-action 'self';"), "{plain}");
    for (url, source) in [
        ("https://x.test:8443/a;b?c='d'", "https://x.test:8443"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
    ] {
        assert_eq!(policy(url).await, plain.replace("'self'", &format!("'self' {source}")), "{url}");
    }
    for url in
        ["https://x;script-src.test/", "https://x';sandbox.test/", "https://x,y.test/", "https://*.test/"]
    {
        assert_eq!(policy(url).await, plain, "{url}");
    }
}
