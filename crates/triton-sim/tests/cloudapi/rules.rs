//! Firewall rules, keys and the account over HTTP.

use serde_json::json;

use crate::caller::{Caller, PUBLIC};

#[tokio::test]
async fn a_rule_is_stored_in_canonical_text_and_disabled() {
    let caller = Caller::new();
    let id = caller.create(&json!({ "tag.role": "web" })).await;
    let created = caller
        .post("/my/fwrules", &json!({ "rule": "from any to tag role = web allow tcp port 80" }))
        .await;
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(created.body["rule"], r#"FROM any TO tag "role" = "web" ALLOW tcp PORT 80"#);
    assert_eq!(created.body["enabled"], false);
    let rule = format!("/my/fwrules/{}", created.body["id"].as_str().unwrap());
    assert_eq!(caller.post(&format!("{rule}/enable"), &json!({})).await.body["enabled"], true);
    let updated = caller.post(&rule, &json!({ "description": "d" })).await.body;
    assert_eq!((&updated["enabled"], &updated["description"]), (&json!(true), &json!("d")));
    assert_eq!(caller.get(&format!("{rule}/machines")).await.body[0]["id"], id);
    assert_eq!(
        caller.get(&format!("/my/machines/{id}/fwrules")).await.body[0]["id"],
        created.body["id"]
    );
    assert_eq!(caller.delete(&rule).await.status, 204);
    caller.get(&rule).await.expect(404, "ResourceNotFound");
}

#[tokio::test]
async fn rules_that_are_none_say_which_field() {
    let caller = Caller::new();
    caller.post("/my/fwrules", &json!({})).await.expect(409, "MissingParameter");
    let refused =
        caller.post("/my/fwrules", &json!({ "rule": "FROM any TO any ALLOW tcp PORT 80" })).await;
    refused.expect(422, "InvalidParameters");
    let error = &refused.body["errors"][0];
    assert_eq!((&error["field"], &error["code"]), (&json!("rule"), &json!("InvalidParameter")));
}

#[tokio::test]
async fn keys_are_found_by_name_and_fingerprint() {
    let caller = Caller::new();
    let fingerprint = caller.key_id.fingerprint.clone();
    let encoded = fingerprint.replace(':', "%3A");
    assert_eq!(caller.get(&format!("/my/keys/{encoded}")).await.body["fingerprint"], fingerprint);
    caller.post("/my/keys", &json!({ "key": PUBLIC })).await.expect(409, "InvalidArgument");
    caller.post("/my/keys", &json!({ "key": "nonsense" })).await.expect(409, "InvalidArgument");
    caller.post("/my/keys", &json!({})).await.expect(409, "MissingParameter");
    assert_eq!(caller.delete(&format!("/my/keys/{encoded}")).await.status, 204);
    caller.get("/my/keys").await.expect(401, "InvalidCredentials");
}

#[tokio::test]
async fn an_account_can_be_changed() {
    let caller = Caller::new();
    let changed = caller
        .post("/my", &json!({ "phone": "123", "triton_cns_enabled": true, "login": "x" }))
        .await
        .body;
    assert_eq!((&changed["phone"], &changed["login"]), (&json!("123"), &json!("jill")));
    let id = caller.create(&json!({ "name": "web" })).await;
    let names = caller.get(&format!("/my/machines/{id}")).await.body["dns_names"].clone();
    // By id and by name, each also with its fabric network's.
    assert_eq!(names.as_array().unwrap().len(), 4);
    caller.try_create(&json!({ "name": "a".repeat(64) })).await.expect(409, "InvalidArgument");
}
