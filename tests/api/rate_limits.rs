//! Rate limits through HTTP. What a bucket does in time is tested beside it; here none fills within a test's time.

use futures_util::future::join_all;
use roster::base::rate_limits::{Limit, RateLimits, Refill};
use serde_json::json;

use crate::support::{CONNECTION, Response, Tenant, now, send, sql};

/// So many requests, and one comes back in a minute.
fn burst(burst: u32) -> Limit {
    Limit { burst, refill: Refill::PerMinute(1) }
}

async fn limited(rate_limits: RateLimits) -> Tenant {
    Tenant::with(|config| config.rate_limits = rate_limits).await
}

/// Limit and remaining requests, as the headers of an answer tell, and that the reset is the next minute.
fn told(answer: &Response) -> Option<(u64, u64)> {
    let header = |name| answer.header(name).map(|value| value.parse::<u64>().unwrap());
    let names = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];
    let [limit, remaining, reset] = names.map(header);
    assert_eq!(limit.is_some(), reset.is_some());
    if let Some(reset) = reset {
        let now = u64::try_from(now()).unwrap();
        assert!((now..=now + 61).contains(&reset), "{reset} at {now}");
    }
    Some((limit?, remaining?))
}

fn is_one_too_many(answer: &Response, limit: u64) {
    assert_eq!(answer.status, 429, "{}", answer.text);
    assert_eq!(told(answer), Some((limit, 0)));
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
}

#[tokio::test]
async fn a_client_has_so_many_requests_in_the_management_api() {
    let tenant = limited(RateLimits { management_api: Some(burst(3)), ..RateLimits::default() }).await;
    assert_eq!(send(tenant.request("GET", "/api/v2/roles")).await.status, 401);
    for remaining in [2, 1] {
        let answer = tenant.get("/api/v2/roles").await;
        assert_eq!((answer.status, told(&answer)), (200, Some((3, remaining))), "401 was not counted");
        assert_eq!(answer.header("retry-after"), None);
    }
    let answer = tenant.get("/api/v2/roles/rol_0000000000000000").await;
    assert_eq!((answer.status, told(&answer)), (404, None), "counted, and not told");
    let answer = tenant.post("/api/v2/roles", json!({ "name": "late" })).await;
    is_one_too_many(&answer, 3);
    assert_eq!(answer.refusal(), (429, Some("too_many_requests"), "Global limit has been reached"));
    assert_eq!(answer.json["error"], "Too Many Requests");
    let unread = send(tenant.authorized("POST", "/api/v2/roles").body("{")).await;
    is_one_too_many(&unread, 3);
    let narrow = tenant.token_with(&["read:users"]).await;
    let answer = send(tenant.request("GET", "/api/v2/roles").bearer_auth(&narrow)).await;
    is_one_too_many(&answer, 3);
    assert!(sql("select name from roles where tenant_id = $1", &[&tenant.name]).await.is_empty());

    let token = tenant.token_for("other", &["read:roles"], 3600).await;
    let answer = send(tenant.request("GET", "/api/v2/roles").bearer_auth(token)).await;
    assert_eq!((answer.status, told(&answer)), (200, Some((3, 2))), "another client");
    let other = limited(RateLimits { management_api: Some(burst(2)), ..RateLimits::default() }).await;
    let answer = other.get("/api/v2/roles").await;
    assert_eq!(
        (answer.status, told(&answer)),
        (200, Some((2, 1))),
        "the same client's name in another tenant"
    );
}

#[tokio::test]
async fn an_address_has_so_many_requests_at_each_public_endpoint() {
    let tenant = limited(RateLimits {
        token: Some(burst(2)),
        signup: Some(burst(2)),
        change_password: Some(burst(2)),
        userinfo: Some(burst(2)),
        ..RateLimits::default()
    })
    .await;
    let too_many = "Global limit has been reached";
    let oauth = json!({ "error": "too_many_requests", "error_description": too_many });
    let signup = json!({
        "name": "TooManyRequestsError", "code": "too_many_requests", "description": too_many, "statusCode": 429,
    });
    let management = json!({
        "statusCode": 429, "error": "Too Many Requests", "message": too_many, "errorCode": "too_many_requests",
    });
    let body = json!({ "connection": CONNECTION, "email": "jane@example.com" });
    for (path, refused, refusal) in [
        ("/oauth/token", 400, &oauth),
        ("/dbconnections/signup", 400, &signup),
        ("/dbconnections/change_password", 200, &signup),
        ("/userinfo", 401, &management),
    ] {
        let count =
            async || sql("select count(*) as count from journal where tenant_id = $1", &[&tenant.name]).await;
        for remaining in [1, 0] {
            let answer = send(tenant.request("POST", path).json(&body)).await;
            assert_eq!((answer.status, told(&answer)), (refused, Some((2, remaining))), "{path}");
        }
        let before = count().await;
        // Whatever it claims to come from, and whatever its body is.
        for (from, body) in [("192.0.2.1", body.to_string()), ("192.0.2.2", "{".to_owned())] {
            let request = tenant.request("POST", path).header("content-type", "application/json").body(body);
            let answer = send(request.header("x-forwarded-for", from)).await;
            is_one_too_many(&answer, 2);
            assert_eq!(answer.json, *refusal, "{path}");
        }
        assert_eq!(count().await, before, "nothing was done");
    }
    assert_eq!(told(&tenant.get("/api/v2/roles").await), None, "what has no limit tells of none");
}

#[tokio::test]
async fn of_many_requests_at_once_as_many_pass_as_there_are() {
    let tenant = limited(RateLimits { management_api: Some(burst(10)), ..RateLimits::default() }).await;
    let answers = join_all((0..100).map(|_| tenant.get("/api/v2/roles"))).await;
    let (passed, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    let mut remaining: Vec<u64> = passed.iter().map(|answer| told(answer).unwrap().1).collect();
    remaining.sort_unstable();
    assert_eq!(remaining, (0..10).collect::<Vec<_>>(), "each of them was counted once");
    assert_eq!(refused.len(), 90);
    for answer in refused {
        is_one_too_many(answer, 10);
    }
}

#[tokio::test]
async fn without_limits_nothing_is_told_and_a_new_limit_holds_at_once() {
    let name = &crate::support::unique("t");
    let with = |rate_limits: RateLimits| async move {
        Tenant::with(|config| {
            (config.name, config.hosts) = (name.clone(), vec![format!("{name}.test")]);
            config.rate_limits = rate_limits;
        })
        .await
    };
    let tenant = with(RateLimits::default()).await;
    assert_eq!(told(&tenant.get("/api/v2/roles").await), None);
    let settings = sql("select settings from tenants where tenant_id = $1", &[name]).await;
    assert!(settings[0][0].get("rate_limits").is_none());
    let tenant = with(RateLimits { management_api: Some(burst(1)), ..RateLimits::default() }).await;
    let settings = sql("select settings from tenants where tenant_id = $1", &[name]).await;
    assert_eq!(settings[0][0]["rate_limits"]["management_api"], json!({ "burst": 1, "per_minute": 1 }));
    assert_eq!(told(&tenant.get("/api/v2/roles").await), Some((1, 0)));
    is_one_too_many(&tenant.get("/api/v2/roles").await, 1);
    let by_second = Limit { burst: 2, refill: Refill::PerSecond(1) };
    let tenant = with(RateLimits { management_api: Some(by_second), ..RateLimits::default() }).await;
    let settings = sql("select settings from tenants where tenant_id = $1", &[name]).await;
    assert_eq!(settings[0][0]["rate_limits"]["management_api"], json!({ "burst": 2, "per_second": 1 }));
    assert!(told(&tenant.get("/api/v2/roles").await).is_some());
    let tenant = with(RateLimits::default()).await;
    assert_eq!(told(&tenant.get("/api/v2/roles").await), None, "a limit ends with its line in the file");
}
