//! Random sequences of PATCHes of tenant settings, compared with an independent model in memory.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use crate::support::Tenant;

const PATH: &str = "/api/v2/tenants/settings";

/// The merge of a PATCH, written from its rules, independent of the code under test.
fn apply(settings: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => drop(settings.remove(name)),
            Value::Object(sent) if !sent.is_empty() => {
                let stored = settings.entry(name).or_insert_with(|| json!({}));
                for (key, value) in sent {
                    stored[key] = value.clone();
                }
            }
            other => drop(settings.insert(name.clone(), other.clone())),
        }
    }
}

/// An object with any subset of the members.
fn some_of(members: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let members = members
        .into_iter()
        .map(|(name, value)| of(value).prop_map(move |value| Some((name.to_owned(), value?))));
    members
        .collect::<Vec<_>>()
        .prop_map(|members| Value::Object(members.into_iter().flatten().collect()))
        .boxed()
}

fn or_null(value: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    prop_oneof![4 => value, 1 => Just(Value::Null)].boxed()
}

fn patch() -> impl Strategy<Value = Map<String, Value>> {
    let switch = || any::<bool>().prop_map(Value::from).boxed();
    let text = || any::<String>().prop_map(|text| Value::from(text.replace('\0', ""))).boxed();
    let word = || "[a-z]{1,3}".prop_map(Value::from).boxed();
    let amount = || (1..100_i64).prop_map(Value::from).boxed();
    let list = |of: BoxedStrategy<Value>| vec(of, 0..3).prop_map(Value::from).boxed();
    let page = || some_of(vec![("enabled", switch()), ("html", text())]);
    let quota = || amount().prop_map(|n| json!({ "client_credentials": { "per_day": n } })).boxed();
    let quotas = some_of(vec![("clients", quota()), ("organizations", quota())]);
    let all = some_of(vec![
        (
            "flags",
            some_of(vec![
                ("enable_sso", switch()),
                ("genai_trial", switch()),
                ("enable_pipeline2", switch()),
            ]),
        ),
        ("change_password", or_null(page())),
        ("guardian_mfa_page", or_null(page())),
        (
            "error_page",
            or_null(some_of(vec![
                ("html", text()),
                ("show_log_link", switch()),
                ("url", Just(json!("https://a.example/")).boxed()),
            ])),
        ),
        ("session_cookie", or_null(some_of(vec![("mode", Just(json!("persistent")).boxed())]))),
        ("oidc_logout", some_of(vec![("rp_logout_end_session_endpoint_discovery", switch())])),
        ("mtls", or_null(some_of(vec![("enable_endpoint_aliases", switch())]))),
        (
            "default_token_quota",
            or_null(quotas.prop_filter("an empty quota is refused", |q| *q != json!({})).boxed()),
        ),
        ("acr_values_supported", or_null(list(word()))),
        ("allowed_logout_urls", list(Just(json!("https://a.example/*")).boxed())),
        ("customize_mfa_in_postlogin_action", or_null(switch())),
        ("friendly_name", text()),
        ("default_audience", word()),
        ("session_lifetime", amount()),
    ]);
    all.prop_filter_map("an empty patch is refused", |all| match all {
        Value::Object(all) if !all.is_empty() => Some(all),
        _ => None,
    })
}

#[test]
fn update_sequences_equal_the_model() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tenant = runtime.block_on(Tenant::new());
    let stored = || async {
        let mut stored = tenant.get(PATH).await.json;
        stored.as_object_mut().unwrap().remove("sandbox_versions_available");
        stored
    };
    let model = std::cell::RefCell::new(runtime.block_on(stored()).as_object().unwrap().clone());
    let mut runner = TestRunner::new(Config { cases: 100, failure_persistence: None, ..Config::default() });
    let played = runner.run(&vec(patch(), 1..5), |patches| {
        runtime.block_on(async {
            let mut expected = model.borrow().clone();
            for patch in &patches {
                apply(&mut expected, patch);
                let answer = tenant.patch(PATH, Value::Object(patch.clone())).await;
                prop_assert_eq!(answer.status, 200, "{}", answer.text);
                for (name, value) in &expected {
                    if !["flags", "universal_login"].contains(&name.as_str()) {
                        prop_assert_eq!(&answer.json[name], value, "the answer to {:?}", patch);
                    }
                }
            }
            prop_assert_eq!(&stored().await, &Value::Object(expected.clone()), "what is stored");
            model.replace(expected);
            Ok(())
        })
    });
    if let Err(error) = played {
        panic!("{error}");
    }
}
