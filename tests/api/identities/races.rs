//! Concurrent requests. Every outcome has to equal that of the requests in some order.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{SECOND, assert_consistent, bare, has_password, link, linked, owner, tenant_of_two, unlink};
use crate::support::{PASSWORD, Tenant, path_of};

const ROUNDS: usize = 8;

async fn users<const N: usize>(tenant: &Tenant) -> [Value; N] {
    let made = join_all((0..N).map(|_| tenant.user(json!({})))).await;
    made.try_into().unwrap()
}

#[tokio::test]
async fn concurrent_links_of_one_secondary_succeed_once() {
    let tenant = Tenant::new().await;
    for _ in 0..ROUNDS {
        let [secondary, primaries @ ..] = users::<5>(&tenant).await;
        let answers = join_all(primaries.iter().map(|primary| link(&tenant, primary, &secondary))).await;
        let mut winner = None;
        for (answer, primary) in answers.iter().zip(&primaries) {
            if answer.status == 201 {
                assert!(winner.replace(primary).is_none(), "two winners");
            } else {
                assert_eq!(answer.error().0, 409, "{}", answer.text);
                assert_eq!(tenant.get(&path_of(primary)).await.json["identities"], primary["identities"]);
            }
        }
        let winner = winner.expect("a winner");
        assert_eq!(owner(&tenant, bare(&secondary)).await.as_deref(), winner["user_id"].as_str());
        assert_consistent(&tenant, winner).await;
    }
}

#[tokio::test]
async fn mutual_links_succeed_once() {
    let tenant = Tenant::new().await;
    for _ in 0..ROUNDS {
        let [a, b] = users(&tenant).await;
        let (one, other) = tokio::join!(link(&tenant, &a, &b), link(&tenant, &b, &a));
        let (winner, loser, refusal) = if one.status == 201 { (&a, &b, &other) } else { (&b, &a, &one) };
        assert_eq!((one.status.min(other.status), refusal.error().0), (201, 404), "{one:?} {other:?}");
        assert_eq!(tenant.get(&path_of(loser)).await.status, 404);
        assert_consistent(&tenant, winner).await;
    }
}

#[tokio::test]
async fn concurrent_links_in_a_ring_lose_no_account() {
    let tenant = Tenant::new().await;
    for _ in 0..ROUNDS {
        let [a, b, c, d] = users(&tenant).await;
        let answers = tokio::join!(
            link(&tenant, &a, &b),
            link(&tenant, &b, &c),
            link(&tenant, &c, &d),
            link(&tenant, &d, &a)
        );
        let answers = [answers.0, answers.1, answers.2, answers.3];
        let won = answers.iter().filter(|answer| answer.status == 201).count();
        assert!(answers.iter().all(|answer| [201, 404, 409].contains(&answer.status)), "{answers:?}");
        let mut left = 0;
        for user in [&a, &b, &c, &d] {
            assert!(owner(&tenant, bare(user)).await.is_some(), "an account is lost");
            if tenant.get(&path_of(user)).await.status == 200 {
                left += 1;
                assert_consistent(&tenant, user).await;
            }
        }
        assert_eq!(left + won, 4);
    }
}

#[tokio::test]
async fn link_and_unlink_lose_no_concurrent_change() {
    let tenant = Tenant::new().await;
    for _ in 0..ROUNDS {
        let [a, b] = users(&tenant).await;
        let merge = async |user: &Value, n: usize| {
            tenant.patch(&path_of(user), json!({ "user_metadata": { n.to_string(): n } })).await
        };
        let (answer, patched, others) = tokio::join!(
            link(&tenant, &a, &b),
            join_all((0..10).map(|n| merge(&a, n))),
            join_all((0..10).map(|n| merge(&b, n)))
        );
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert!(patched.iter().all(|answer| answer.status == 200), "{patched:?}");
        assert!(others.iter().all(|answer| [200, 404].contains(&answer.status)), "{others:?}");
        let all: serde_json::Map<_, _> = (0..10).map(|n| (n.to_string(), json!(n))).collect();
        assert_eq!(tenant.get(&path_of(&a)).await.json["user_metadata"], Value::Object(all.clone()));
        let (answer, patched) =
            tokio::join!(unlink(&tenant, &a, bare(&b)), join_all((10..20).map(|n| merge(&a, n))));
        assert_eq!((answer.status, patched.iter().all(|answer| answer.status == 200)), (200, true));
        assert_eq!(tenant.get(&path_of(&a)).await.json["user_metadata"].as_object().unwrap().len(), 20);
        assert_consistent(&tenant, &a).await;
        assert_consistent(&tenant, &b).await;
    }
}

#[tokio::test]
async fn concurrent_unlinks_create_one_user() {
    let tenant = Tenant::new().await;
    for _ in 0..ROUNDS {
        let (primary, secondary) = linked(&tenant, json!({})).await;
        let answers = join_all((0..3).map(|_| unlink(&tenant, &primary, bare(&secondary)))).await;
        let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 404, 404], "{answers:?}");
        assert_consistent(&tenant, &secondary).await;
    }
}

#[tokio::test]
async fn unlink_and_creation_of_the_same_id_do_not_collide() {
    let tenant = Tenant::new().await;
    for _ in 0..ROUNDS {
        let (primary, secondary) = linked(&tenant, json!({})).await;
        let squatter = json!({
            "connection": crate::support::CONNECTION, "password": PASSWORD, "user_id": bare(&secondary),
            "email": format!("squatter-{}@example.com", bare(&secondary)),
        });
        let (answer, refused) =
            tokio::join!(unlink(&tenant, &primary, bare(&secondary)), tenant.post("/api/v2/users", squatter));
        assert_eq!((answer.status, refused.status), (200, 409), "{answer:?} {refused:?}");
        assert_consistent(&tenant, &secondary).await;
    }
}

#[tokio::test]
async fn update_of_a_secondary_during_unlink_applies_or_fails() {
    let tenant = tenant_of_two().await;
    for n in 0..ROUNDS {
        let (primary, secondary) = linked(&tenant, json!({ "connection": SECOND })).await;
        let patch = json!({ "connection": SECOND, "email": format!("new-{n}@example.com") });
        let path = path_of(&primary);
        let (answer, patched) =
            tokio::join!(unlink(&tenant, &primary, bare(&secondary)), tenant.patch(&path, patch));
        assert_eq!(answer.status, 200, "{}", answer.text);
        let email = tenant.get(&path_of(&secondary)).await.json["email"].clone();
        if patched.status == 200 {
            assert_eq!(email, format!("new-{n}@example.com"));
        } else {
            assert_eq!(
                patched.error(),
                (400, Some("operation_not_supported"), "Connection is not supported for this operation.")
            );
            assert_eq!(email, secondary["email"]);
        }
        assert_eq!(tenant.get(&path_of(&primary)).await.json["email"], primary["email"]);
    }
}

#[tokio::test]
async fn deletion_during_link_takes_both_users_or_one() {
    let tenant = Tenant::new().await;
    for _ in 0..ROUNDS {
        let [a, b] = users(&tenant).await;
        let path = path_of(&a);
        let (answer, gone) = tokio::join!(link(&tenant, &a, &b), tenant.delete(&path));
        assert_eq!(gone.status, 204);
        let stays = tenant.get(&path_of(&b)).await.status == 200;
        assert_eq!(
            (answer.status, owner(&tenant, bare(&b)).await.is_some()),
            if stays { (404, true) } else { (201, false) }
        );
        assert_eq!(has_password(&tenant, bare(&b), PASSWORD).await, stays);
    }
}

#[tokio::test]
async fn swap_of_two_emails_is_rejected() {
    let tenant = Tenant::new().await;
    for _ in 0..ROUNDS {
        let [a, b] = users(&tenant).await;
        let (path_a, path_b) = (path_of(&a), path_of(&b));
        let (one, other) = tokio::join!(
            tenant.patch(&path_a, json!({ "email": b["email"] })),
            tenant.patch(&path_b, json!({ "email": a["email"] }))
        );
        for answer in [one, other] {
            let refusal = answer.error();
            assert!(
                refusal == (400, Some("auth0_idp_error"), "The specified new email already exists")
                    || refusal == (503, None, "Other changes got in the way. Please try again."),
                "{refusal:?}"
            );
        }
    }
}
