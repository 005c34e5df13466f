//! Random documents and random sequences of PATCHes through the API equal an independent model in memory.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use crate::support::{Tenant, path_of};

/// Sequences of patches of users, in all four tests together.
const SEQUENCES: u32 = 1000;
/// Sequences of patches of clients.
const CLIENT_SEQUENCES: u32 = 300;

/// A metadata field after a PATCH, by the rules and not by the product's code. `None` is an absent field.
fn merged(stored: Option<Map<String, Value>>, patch: Option<&Value>) -> Option<Map<String, Value>> {
    let Some(patch) = patch else { return stored };
    let Value::Object(patch) = patch else { return Some(Map::new()) };
    let mut result = if patch.is_empty() { Map::new() } else { stored.unwrap_or_default() };
    for (key, value) in patch {
        if value.is_null() {
            result.remove(key)
        } else {
            result.insert(key.clone(), value.clone())
        };
    }
    Some(result)
}

/// A user in the model.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    attributes: Map<String, Value>,
    user_metadata: Option<Map<String, Value>>,
    app_metadata: Option<Map<String, Value>>,
}

impl Model {
    fn apply(&mut self, patch: &Map<String, Value>) {
        self.user_metadata = merged(self.user_metadata.take(), patch.get("user_metadata"));
        self.app_metadata =
            merged(self.app_metadata.take(), patch.get("app_metadata")).filter(|m| !m.is_empty());
        for attribute in ATTRIBUTES {
            match patch.get(attribute) {
                None => {}
                Some(Value::Null) => drop(self.attributes.remove(attribute)),
                Some(value) => drop(self.attributes.insert(attribute.into(), value.clone())),
            }
        }
    }

    /// The model's view of an answer.
    fn of(document: &Value) -> Self {
        let object = |name: &str| document.get(name).map(|m| m.as_object().expect("an object").clone());
        let attributes =
            ATTRIBUTES.iter().filter_map(|a| Some(((*a).to_owned(), document.get(a)?.clone()))).collect();
        Self { attributes, user_metadata: object("user_metadata"), app_metadata: object("app_metadata") }
    }
}

const ATTRIBUTES: [&str; 3] = ["given_name", "family_name", "blocked"];

fn key() -> impl Strategy<Value = String> {
    // Few names, so that patches change stored keys; some are unusual.
    prop_oneof![8 => "[a-e]", 1 => Just(String::new()), 1 => "[ \\\\\"'{}\u{e9}\u{1f409}]{1,3}", 1 => Just("constructor".to_owned())]
}

fn text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace('\0', ""))
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1_000_000i32..1_000_000).prop_map(|n| json!(f64::from(n) / 8.0 + 0.0625)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(key(), inner, 0..4).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

fn metadata() -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => btree_map(key(), prop_oneof![1 => Just(Value::Null), 3 => value()], 0..5).prop_map(|m| Value::Object(m.into_iter().collect())),
        1 => Just(json!({})),
        1 => Just(Value::Null),
    ]
}

fn patch() -> impl Strategy<Value = Map<String, Value>> {
    let name = || prop_oneof![1 => Just(Value::Null), 2 => "[a-z]{1,5}".prop_map(Value::from)];
    use proptest::option::of;
    (of(metadata()), of(metadata()), of(name()), of(name()), of(any::<bool>())).prop_map(
        |(user, app, given, family, blocked)| {
            let all = [
                ("user_metadata", user),
                ("app_metadata", app),
                ("given_name", given),
                ("family_name", family),
                ("blocked", blocked.map(Value::from)),
            ];
            all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
        },
    )
}

fn run() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tenant = runtime.block_on(Tenant::new());
    // The path of the user that the next sequence changes, and its model.
    let known = std::cell::RefCell::new(None::<(String, Model)>);
    let sequences = (proptest::option::weighted(0.2, patch()), vec(patch(), 1..6));
    let mut runner =
        TestRunner::new(Config { cases: SEQUENCES / 4, failure_persistence: None, ..Config::default() });
    let played = runner.run(&sequences, |(new, patches)| {
        runtime.block_on(async {
            // A new user for one sequence in five; the others continue with the last one, since hashing a
            // password takes longer than the sequence.
            let last = known.borrow_mut().take().filter(|_| new.is_none());
            let (path, mut model) = if let Some(last) = last {
                last
            } else {
                let mut initial = new.clone().unwrap_or_default();
                initial.retain(|_, value| !value.is_null());
                let made = tenant.user(Value::Object(initial.clone())).await;
                let mut model = Model::default();
                model.apply(&initial);
                prop_assert_eq!(&Model::of(&made), &model);
                (path_of(&made), model)
            };
            for patch in &patches {
                model.apply(patch);
                let answer = tenant.patch(&path, Value::Object(patch.clone())).await;
                prop_assert_eq!(answer.status, 200, "{}", answer.text);
                prop_assert_eq!(&Model::of(&answer.json), &model, "the answer to {:?}", patch);
            }
            prop_assert_eq!(&Model::of(&tenant.get(&path).await.json), &model, "the stored document");
            known.replace(Some((path, model)));
            Ok(())
        })
    });
    if let Err(error) = played {
        panic!("{error}");
    }
}

#[test]
fn patches_of_users_equal_the_model_1() {
    run();
}

#[test]
fn patches_of_users_equal_the_model_2() {
    run();
}

#[test]
fn patches_of_users_equal_the_model_3() {
    run();
}

#[test]
fn patches_of_users_equal_the_model_4() {
    run();
}

/// Metadata of a client: texts, with fewer names than the limit of ten.
fn client_metadata() -> impl Strategy<Value = Value> {
    let value = || prop_oneof![1 => Just(Value::Null), 3 => "[ -~\u{e9}]{0,9}".prop_map(Value::from)];
    prop_oneof![
        8 => btree_map("[a-e]|x:y", value(), 0..5).prop_map(|m| Value::Object(m.into_iter().collect())),
        1 => Just(json!({})),
        1 => Just(Value::Null),
    ]
}

/// Two objects of a client that take members of any name. The model is that of users, except that null
/// removes a setting.
#[test]
fn patches_of_clients_equal_the_model() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tenant = runtime.block_on(Tenant::new());
    use proptest::option::of;
    let patch = (of(client_metadata()), of(metadata()), of(metadata()));
    let mut runner =
        TestRunner::new(Config { cases: CLIENT_SEQUENCES, failure_persistence: None, ..Config::default() });
    let played = runner.run(&vec(patch, 1..6), |patches| {
        runtime.block_on(async {
            let made = tenant.post("/api/v2/clients", json!({ "name": "App" })).await.json;
            let path = format!("/api/v2/clients/{}", made["client_id"].as_str().unwrap());
            let mut model: [Option<Map<String, Value>>; 3] = [None, None, None];
            for (client_metadata, mobile, encryption_key) in &patches {
                let mut patch = Map::new();
                for (n, (name, value)) in [
                    ("client_metadata", client_metadata),
                    ("mobile", mobile),
                    ("encryption_key", encryption_key),
                ]
                .into_iter()
                .enumerate()
                {
                    patch.extend(value.clone().map(|value| (name.to_owned(), value)));
                    model[n] = merged(model[n].take(), value.as_ref());
                    if n > 0 && value == &Some(Value::Null) {
                        model[n] = None;
                    }
                }
                if patch.is_empty() {
                    continue;
                }
                let answer = tenant.patch(&path, Value::Object(patch.clone())).await;
                prop_assert_eq!(answer.status, 200, "{}", answer.text);
                for document in [&answer.json, &tenant.get(&path).await.json] {
                    let objects = ["client_metadata", "mobile", "encryption_key"]
                        .map(|name| document.get(name).map(|m| m.as_object().unwrap().clone()));
                    prop_assert_eq!(&objects, &model, "after {:?}", patch);
                }
            }
            Ok(())
        })
    });
    if let Err(error) = played {
        panic!("{error}");
    }
}
