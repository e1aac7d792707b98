//! Keys, access keys, sub-users, policies and roles.

use std::time::Duration;

use serde_json::{Value, json};
use triton_sim::Delays;

use crate::caller::{Caller, PUBLIC, Reply, quiet};

const RSA: &str = include_str!("vectors/rsa.pub");
const RSA_FINGERPRINT: &str = "d5:cc:16:4d:b0:75:1d:23:d9:9c:93:86:59:ab:5c:7e";

fn user(login: &str) -> Value {
    json!({ "login": login, "email": "bob@example.com", "password": "s3cretive" })
}

#[track_caller]
fn expect_message(reply: &Reply, status: u16, code: &str, part: &str) {
    reply.expect(status, code);
    let message = reply.body["message"].as_str().unwrap();
    assert!(message.contains(part), "{message}");
}

#[tokio::test]
async fn keys_are_created_found_and_deleted_by_name_or_fingerprint() {
    let caller = Caller::new();
    let made = caller.post("/my/keys", &json!({ "key": RSA })).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(
        made.header("location"),
        Some(&*format!("/jill/keys/{}", RSA_FINGERPRINT.replace(':', "%3A")))
    );
    assert_eq!(made.body["name"], "vectors@test");
    assert_eq!(made.body["fingerprint"], RSA_FINGERPRINT);
    assert_eq!(made.body.get("attested"), None);
    for id in ["vectors@test", RSA_FINGERPRINT, &RSA_FINGERPRINT.replace(':', "%3A")] {
        assert_eq!(caller.get(&format!("/my/keys/{id}")).await.body, made.body, "{id}");
    }
    let again = caller.post("/my/keys", &json!({ "name": "other", "key": RSA })).await;
    again.expect(409, "InvalidArgument");
    assert_eq!(caller.delete("/my/keys/vectors@test").await.status, 204);
    caller.get("/my/keys/vectors@test").await.expect(404, "ResourceNotFound");
    let named = json!({ "name": "laptop", "key": RSA, "attestation": ["proof"] });
    let named = caller.post("/my/keys", &named).await;
    assert_eq!((&named.body["name"], &named.body["attested"]), (&json!("laptop"), &json!(true)));
    assert_eq!(caller.delete(&format!("/my/keys/{RSA_FINGERPRINT}")).await.status, 204);
}

#[tokio::test]
async fn keys_that_are_none_are_refused() {
    let caller = Caller::new();
    for (body, code) in [
        (json!({}), "MissingParameter"),
        (json!({ "key": 7 }), "InvalidArgument"),
        (json!({ "key": "nonsense" }), "InvalidArgument"),
        (json!({ "key": "ssh-rsa nonsense" }), "InvalidArgument"),
        (json!({ "key": RSA, "attestation": "proof" }), "InvalidArgument"),
        (json!({ "key": RSA, "attestation": [1] }), "InvalidArgument"),
    ] {
        caller.post("/my/keys", &body).await.expect(409, code);
    }
}

#[tokio::test]
async fn access_keys_are_pairs_of_id_and_secret() {
    let caller = Caller::of(quiet().sub_user("bob"));
    for base in ["/my/accesskeys", "/my/users/bob/accesskeys"] {
        let made = caller.post(base, &json!({})).await;
        assert_eq!((made.status, &made.body["status"]), (201, &json!("Active")));
        let id = made.body["accesskeyid"].as_str().unwrap();
        assert_eq!(made.header("location"), Some(&*format!("{base}/{id}").replace("/my", "/jill")));
        assert_eq!(caller.get(&format!("{base}/{id}")).await.body, made.body);
        assert_eq!(caller.get(base).await.body, json!([made.body]));
        assert_eq!(caller.delete(&format!("{base}/{id}")).await.status, 204);
        caller.get(&format!("{base}/{id}")).await.expect(404, "ResourceNotFound");
        caller.delete(&format!("{base}/{id}")).await.expect(404, "ResourceNotFound");
    }
    caller.post("/my/users/eve/accesskeys", &json!({})).await.expect(404, "ResourceNotFound");
}

#[tokio::test]
async fn a_sub_user_lives() {
    let caller = Caller::new();
    let made = caller.post("/my/users", &user("bob")).await;
    assert_eq!((made.status, made.header("location")), (201, Some("/jill/users/bob")));
    assert_eq!(made.body.get("password"), None);
    let id = made.body["id"].as_str().unwrap();
    assert_eq!(caller.get(&format!("/my/users/{id}")).await.body, made.body);
    assert_eq!(caller.get("/my/users").await.body, json!([made.body]));
    let changes = json!({ "companyName": "Acme", "phone": "555", "login": "robert" });
    let changed = caller.post("/my/users/bob", &changes).await;
    assert_eq!((changed.status, &changed.body["companyName"]), (200, &json!("Acme")));
    let cleared = caller.post("/my/users/robert", &json!({ "phone": "" })).await;
    assert_eq!(cleared.body.get("phone"), None);
    assert_eq!(caller.delete("/my/users/robert").await.status, 204);
    caller.get("/my/users/robert").await.expect(404, "ResourceNotFound");
}

#[tokio::test]
async fn sub_users_that_cannot_be_are_refused() {
    let caller = Caller::of(quiet().sub_user("alice"));
    let missing = caller.post("/my/users", &json!({ "login": "bob" })).await;
    expect_message(&missing, 409, "MissingParameter", "email is required, password is required");
    for (field, value, part) in [
        ("login", "b", "login: b is invalid"),
        ("login", "alice", "already exists"),
        ("email", "nobody", "email: nobody is invalid"),
        ("password", "short1", "passwordTooShort"),
        ("password", "onlyletters", "insufficientPasswordQuality"),
    ] {
        let mut body = user("bob");
        body[field] = json!(value);
        let reply = caller.post("/my/users", &body).await;
        expect_message(&reply, 409, "InvalidArgument", part);
    }
}

#[tokio::test]
async fn passwords_change_with_a_confirmation() {
    let caller = Caller::new();
    caller.post("/my/users", &user("bob")).await;
    let change = |password: &str, confirmation: &str| json!({ "password": password, "password_confirmation": confirmation });
    let target = "/my/users/bob/change_password";
    assert_eq!(caller.post(target, &change("n3wsecret", "n3wsecret")).await.status, 200);
    let unequal = caller.post(target, &change("n3wsecret", "other123")).await;
    expect_message(&unequal, 409, "InvalidArgument", "must have the same value");
    let again = caller.post(target, &change("s3cretive", "s3cretive")).await;
    expect_message(&again, 409, "InvalidArgument", "passwordInHistory");
    let missing = caller.post(target, &json!({ "password": "n3wsecret" })).await;
    expect_message(&missing, 409, "MissingParameter", "password_confirmation is required");
}

#[tokio::test]
async fn sub_users_have_keys_of_their_own() {
    let caller = Caller::of(quiet().sub_user("bob"));
    let made = caller.post("/my/users/bob/keys", &json!({ "name": "k", "key": PUBLIC })).await;
    assert_eq!(made.status, 201, "the account having the same key does not matter");
    assert_eq!(caller.get("/my/users/bob/keys").await.body, json!([made.body]));
    assert_eq!(caller.get("/my/users/bob/keys/k").await.body, made.body);
    assert_eq!(caller.delete("/my/users/bob/keys/k").await.status, 204);
    caller.get("/my/users/eve/keys").await.expect(404, "ResourceNotFound");
}

#[tokio::test]
async fn policies_hold_rules_that_are_some() {
    let caller = Caller::new();
    let body = json!({ "name": "read", "rules": ["CAN listmachines", "CAN getmachine"] });
    let made = caller.post("/my/policies", &body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["rules"], json!(["CAN getmachine", "CAN listmachines"]));
    let id = made.body["id"].as_str().unwrap();
    assert_eq!(made.header("location"), Some(&*format!("/jill/policies/{id}")));
    let described = json!({ "description": "who looks", "rules": "CAN listmachines" });
    let changed = caller.post(&format!("/my/policies/{id}"), &described).await;
    assert_eq!(changed.body["description"], "who looks");
    assert_eq!(caller.get("/my/policies/read").await.body, changed.body);
    let bare = caller.post("/my/policies/read", &json!({ "description": "" })).await;
    assert_eq!(bare.body.get("description"), None);
    let again = caller.post("/my/policies", &body).await;
    expect_message(&again, 409, "InvalidArgument", "read already exists");
    let nonsense = json!({ "name": "x", "rules": ["may look"] });
    let nonsense = caller.post("/my/policies", &nonsense).await;
    expect_message(&nonsense, 409, "InvalidArgument", "expecting CAN");
    let missing = caller.post("/my/policies", &json!({})).await;
    expect_message(&missing, 409, "MissingParameter", "name is required, rules is required");
    assert_eq!(caller.delete("/my/policies/read").await.status, 204);
    caller.get("/my/policies/read").await.expect(404, "ResourceNotFound");
}

async fn with_version(
    caller: &Caller,
    method: &str,
    target: &str,
    body: &Value,
    version: &str,
) -> Value {
    let request = caller
        .request(method, target, 0)
        .await
        .header("content-type", "application/json")
        .header("accept-version", version);
    let reply = caller.send(request.body(axum::body::Body::from(body.to_string())).unwrap()).await;
    assert!(reply.status < 300, "{}", reply.body);
    reply.body
}

#[tokio::test]
async fn roles_have_two_shapes() {
    let caller = Caller::of(quiet().sub_user("bob").sub_user("eve").policy("read", ["CAN *"]));
    let body = json!({
        "name": "look",
        "policies": [{ "name": "read" }],
        "members": [
            { "type": "subuser", "login": "bob", "default": true },
            { "type": "subuser", "login": "eve" },
        ],
    });
    let made = caller.post("/my/roles", &body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let members = made.body["members"].as_array().unwrap();
    let shown: Vec<(&Value, &Value)> =
        members.iter().map(|m| (&m["login"], &m["default"])).collect();
    assert_eq!(shown, [(&json!("bob"), &json!(true)), (&json!("eve"), &Value::Null)]);
    assert_eq!(made.body["policies"][0]["name"], "read");
    let old = with_version(&caller, "GET", "/my/roles/look", &json!({}), "~8").await;
    assert_eq!(old["members"], json!(["bob", "eve"]));
    assert_eq!((&old["default_members"], &old["policies"]), (&json!(["bob"]), &json!(["read"])));
    let body = json!({ "members": ["eve"], "default_members": ["eve"], "policies": [] });
    let changed = with_version(&caller, "POST", "/my/roles/look", &body, "~8").await;
    assert_eq!(changed["default_members"], json!(["eve"]));
    assert_eq!(changed["policies"], json!([]));
    let user = caller.get("/my/users/eve?membership=true").await.body;
    assert_eq!((&user["roles"], &user["default_roles"]), (&json!(["look"]), &json!(["look"])));
    assert_eq!(caller.delete("/my/roles/look").await.status, 204);
    caller.get("/my/roles/look").await.expect(404, "ResourceNotFound");
}

#[tokio::test]
async fn roles_that_cannot_be_are_refused() {
    let caller = Caller::of(quiet().policy("read", ["CAN *"]).role("look", ["read"]));
    let missing = caller.post("/my/roles", &json!({})).await;
    expect_message(&missing, 409, "MissingParameter", "name");
    for (body, part) in [
        (json!({ "name": "true" }), "not a valid role name"),
        (json!({ "name": "look" }), "already exists"),
        (json!({ "name": "x", "policies": [{ "name": "write" }] }), "Invalid policy: write"),
        (json!({ "name": "x", "policies": ["read"] }), "array of objects"),
        (
            json!({ "name": "x", "members": [{ "type": "subuser", "login": "eve" }] }),
            "Invalid subuser: eve",
        ),
        (
            json!({ "name": "administrator", "policies": [{ "name": "read" }] }),
            "cannot have policies",
        ),
    ] {
        let reply = caller.post("/my/roles", &body).await;
        expect_message(&reply, 409, "InvalidArgument", part);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_just_made_can_be_missing_for_a_while() {
    let delays = Delays { replication: Duration::from_secs(3), ..Delays::none() };
    let caller = Caller::of(quiet().delays(delays));
    let policy = json!({ "name": "look", "rules": "CAN listmachines" });
    let made = [
        ("/my/users/bob", caller.post("/my/users", &user("bob")).await),
        ("/my/policies/look", caller.post("/my/policies", &policy).await),
        ("/my/roles/reader", caller.post("/my/roles", &json!({ "name": "reader" })).await),
    ];
    for (target, reply) in &made {
        assert_eq!(reply.status, 201, "{}", reply.body);
        caller.get(target).await.expect(404, "ResourceNotFound");
    }
    tokio::time::advance(Duration::from_secs(3)).await;
    for (target, reply) in &made {
        assert_eq!(caller.get(target).await.body, reply.body);
    }
}
