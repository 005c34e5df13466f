//! Rate limits through HTTP. The unit tests of the bucket cover time; here no bucket refills within a test.

use futures_util::future::join_all;
use roster::base::rate_limits::{Limit, RateLimits, Refill};
use serde_json::json;

use crate::support::{CONNECTION, Response, Tenant, now, send, sql};

/// A limit of `burst` requests, refilled by one request a minute.
fn burst(burst: u32) -> Limit {
    Limit { burst, refill: Refill::PerMinute(1) }
}

async fn limited(rate_limits: RateLimits) -> Tenant {
    Tenant::with(|config| config.rate_limits = rate_limits).await
}

/// Limit and remaining requests from a response's headers. The reset is within the next minute.
fn rate_limit(answer: &Response) -> Option<(u64, u64)> {
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

fn assert_over_limit(answer: &Response, limit: u64) {
    assert_eq!(answer.status, 429, "{}", answer.text);
    assert_eq!(rate_limit(answer), Some((limit, 0)));
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
}

#[tokio::test]
async fn management_api_limits_each_client() {
    let tenant = limited(RateLimits { management_api: Some(burst(3)), ..RateLimits::default() }).await;
    assert_eq!(send(tenant.request("GET", "/api/v2/roles")).await.status, 401);
    for remaining in [2, 1] {
        let answer = tenant.get("/api/v2/roles").await;
        assert_eq!((answer.status, rate_limit(&answer)), (200, Some((3, remaining))), "401 was not counted");
        assert_eq!(answer.header("retry-after"), None);
    }
    let answer = tenant.get("/api/v2/roles/rol_0000000000000000").await;
    assert_eq!((answer.status, rate_limit(&answer)), (404, None), "counted, without headers");
    let answer = tenant.post("/api/v2/roles", json!({ "name": "late" })).await;
    assert_over_limit(&answer, 3);
    assert_eq!(answer.error(), (429, Some("too_many_requests"), "Global limit has been reached"));
    assert_eq!(answer.json["error"], "Too Many Requests");
    let unread = send(tenant.authorized("POST", "/api/v2/roles").body("{")).await;
    assert_over_limit(&unread, 3);
    let narrow = tenant.token_with(&["read:users"]).await;
    let answer = send(tenant.request("GET", "/api/v2/roles").bearer_auth(&narrow)).await;
    assert_over_limit(&answer, 3);
    assert!(sql("select name from roles where tenant_id = $1", &[&tenant.name]).await.is_empty());

    let token = tenant.token_for("other", &["read:roles"], 3600).await;
    let answer = send(tenant.request("GET", "/api/v2/roles").bearer_auth(token)).await;
    assert_eq!((answer.status, rate_limit(&answer)), (200, Some((3, 2))), "another client");
    let other = limited(RateLimits { management_api: Some(burst(2)), ..RateLimits::default() }).await;
    let answer = other.get("/api/v2/roles").await;
    assert_eq!(
        (answer.status, rate_limit(&answer)),
        (200, Some((2, 1))),
        "the same client's name in another tenant"
    );
}

#[tokio::test]
async fn public_endpoints_limit_each_address() {
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
    for (path, status, error) in [
        ("/oauth/token", 400, &oauth),
        ("/dbconnections/signup", 400, &signup),
        ("/dbconnections/change_password", 200, &signup),
        ("/userinfo", 401, &management),
    ] {
        let count =
            async || sql("select count(*) as count from journal where tenant_id = $1", &[&tenant.name]).await;
        for remaining in [1, 0] {
            let answer = send(tenant.request("POST", path).json(&body)).await;
            assert_eq!((answer.status, rate_limit(&answer)), (status, Some((2, remaining))), "{path}");
        }
        let before = count().await;
        // With any `X-Forwarded-For` and any body.
        for (from, body) in [("192.0.2.1", body.to_string()), ("192.0.2.2", "{".to_owned())] {
            let request = tenant.request("POST", path).header("content-type", "application/json").body(body);
            let answer = send(request.header("x-forwarded-for", from)).await;
            assert_over_limit(&answer, 2);
            assert_eq!(answer.json, *error, "{path}");
        }
        assert_eq!(count().await, before, "no change");
    }
    assert_eq!(rate_limit(&tenant.get("/api/v2/roles").await), None, "no headers without a limit");
}

#[tokio::test]
async fn requests_at_once_pass_up_to_the_limit() {
    let tenant = limited(RateLimits { management_api: Some(burst(10)), ..RateLimits::default() }).await;
    let answers = join_all((0..100).map(|_| tenant.get("/api/v2/roles"))).await;
    let (passed, rejected): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    let mut remaining: Vec<u64> = passed.iter().map(|answer| rate_limit(answer).unwrap().1).collect();
    remaining.sort_unstable();
    assert_eq!(remaining, (0..10).collect::<Vec<_>>(), "each of them was counted once");
    assert_eq!(rejected.len(), 90);
    for answer in rejected {
        assert_over_limit(answer, 10);
    }
}

#[tokio::test]
async fn limits_appear_and_end_with_the_tenant_file() {
    let name = &crate::support::unique("t");
    let with = |rate_limits: RateLimits| async move {
        Tenant::with(|config| {
            (config.name, config.hosts) = (name.clone(), vec![format!("{name}.test")]);
            config.rate_limits = rate_limits;
        })
        .await
    };
    let tenant = with(RateLimits::default()).await;
    assert_eq!(rate_limit(&tenant.get("/api/v2/roles").await), None);
    let settings = sql("select settings from tenants where tenant_id = $1", &[name]).await;
    assert!(settings[0][0].get("rate_limits").is_none());
    let tenant = with(RateLimits { management_api: Some(burst(1)), ..RateLimits::default() }).await;
    let settings = sql("select settings from tenants where tenant_id = $1", &[name]).await;
    assert_eq!(settings[0][0]["rate_limits"]["management_api"], json!({ "burst": 1, "per_minute": 1 }));
    assert_eq!(rate_limit(&tenant.get("/api/v2/roles").await), Some((1, 0)));
    assert_over_limit(&tenant.get("/api/v2/roles").await, 1);
    let by_second = Limit { burst: 2, refill: Refill::PerSecond(1) };
    let tenant = with(RateLimits { management_api: Some(by_second), ..RateLimits::default() }).await;
    let settings = sql("select settings from tenants where tenant_id = $1", &[name]).await;
    assert_eq!(settings[0][0]["rate_limits"]["management_api"], json!({ "burst": 2, "per_second": 1 }));
    assert!(rate_limit(&tenant.get("/api/v2/roles").await).is_some());
    let tenant = with(RateLimits::default()).await;
    assert_eq!(
        rate_limit(&tenant.get("/api/v2/roles").await),
        None,
        "a limit ends with its line in the file"
    );
}
