//! What sub-users, roles, operators and other accounts may do.

use std::time::Duration;

use axum::body::Body;
use serde_json::json;
use triton_sim::{Delays, SimBuilder};

use crate::caller::{Caller, PUBLIC, Reply, quiet};

/// Bob may look at instances by default, and work with them when he asks for it.
fn office() -> SimBuilder {
    quiet()
        .sub_user("bob")
        .sub_user_key(PUBLIC)
        .policy("look", ["CAN listmachines and getmachine"])
        .policy("work", ["CAN *machine"])
        .role("reader", ["look"])
        .default_member("bob")
        .role("worker", ["work"])
        .member("bob")
        .role_tag("/machines", ["reader", "worker"])
}

/// The same simulator, with the sub-user's key id.
fn bob(jill: &Caller) -> Caller {
    let bob = Caller::of(quiet());
    Caller { sim: jill.sim.clone(), key_id: jill.key_id.clone().with_user("bob"), ..bob }
}

#[track_caller]
fn forbidden(reply: &Reply, what: &str) {
    reply.expect(403, "NotAuthorized");
    let message = reply.body["message"].as_str().unwrap();
    assert_eq!(message, format!("You do not have permission to access {what}"));
}

#[tokio::test]
async fn a_sub_user_may_do_what_a_rule_of_an_active_role_on_the_resource_says() {
    let jill = Caller::of(office());
    let id = jill.create(&json!({ "name": "web" })).await;
    let bob = bob(&jill);
    assert_eq!(bob.get("/my/machines").await.body.as_array().unwrap().len(), 1);
    assert_eq!(bob.get("/jill/machines").await.status, 200);
    let one = format!("/my/machines/{id}");
    forbidden(&bob.get(&one).await, &format!("{one} (getmachine)"));
    forbidden(&bob.get("/my/keys").await, "/my/keys (listkeys)");
    forbidden(&bob.try_create(&json!({})).await, "/my/machines (createmachine)");
    forbidden(&bob.get("/bob/machines").await, "/bob/machines (listmachines)");
    let head = bob.request("HEAD", "/my/machines", 0).await.body(Body::empty()).unwrap();
    assert_eq!(bob.send(head).await.status, 403, "HEAD is a route of its own");
    let tags = json!({ "role-tag": ["reader"] });
    let tagged = jill.send_json("PUT", &one, &tags).await;
    assert_eq!(
        tagged.body,
        json!({ "name": format!("/jill/machines/{id}"), "role-tag": ["reader"] })
    );
    let shown = bob.get(&one).await;
    assert_eq!((shown.status, shown.header("role-tag")), (200, Some("reader")));
}

#[tokio::test]
async fn roles_are_asked_for_with_as_role_and_stick_to_what_is_made() {
    let jill = Caller::of(office());
    let bob = bob(&jill);
    let body = json!({ "package": crate::caller::PACKAGE, "image": crate::caller::IMAGE });
    let made = bob.post("/my/machines?as-role=worker", &body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let one = format!("/my/machines/{}", made.body["id"].as_str().unwrap());
    assert_eq!(jill.get(&one).await.header("role-tag"), Some("worker"));
    forbidden(&bob.get(&one).await, &format!("{one} (getmachine)"));
    assert_eq!(bob.get(&format!("{one}?as-role=worker")).await.status, 200);
    let stop = bob.post(&format!("{one}?as-role=reader,worker&action=stop"), &json!({})).await;
    assert_eq!(stop.status, 202, "{}", stop.body);
    forbidden(&bob.get("/my/machines?as-role=owner").await, "jill");
    let audit = jill.get(&format!("{one}/audit")).await;
    assert_eq!(audit.body[0]["caller"]["keyId"], bob.key_id.to_string());
}

#[tokio::test]
async fn role_tags_of_a_create_are_in_its_header() {
    let jill = Caller::of(office());
    let request = jill
        .request("POST", "/my/fwrules", 0)
        .await
        .header("content-type", "application/json")
        .header("role-tag", "reader,worker");
    let rule = json!({ "rule": "FROM any TO all vms ALLOW tcp PORT 22" });
    let made = jill.send(request.body(Body::from(rule.to_string())).unwrap()).await;
    let one = format!("/my/fwrules/{}", made.body["id"].as_str().unwrap());
    assert_eq!(jill.get(&one).await.header("role-tag"), Some("reader,worker"));
}

#[tokio::test]
async fn role_tags_are_for_known_roles_and_resources() {
    let jill = Caller::of(office());
    let put = async |target: &str, roles: &[&str]| {
        jill.send_json("PUT", target, &json!({ "role-tag": roles })).await
    };
    let reply = put("/my/machines", &["nobody"]).await;
    reply.expect(409, "InvalidArgument");
    assert_eq!(reply.body["message"], "Role(s) nobody not found");
    put("/my/things", &["reader"]).await.expect(404, "ResourceNotFound");
    put("/my/users/eve", &["reader"]).await.expect(404, "ResourceNotFound");
    assert_eq!(put("/my/users/bob", &["reader"]).await.body["name"], "/jill/users/bob");
    assert_eq!(put("/my", &["reader"]).await.body["name"], "/jill");
    assert_eq!(jill.get("/my").await.header("role-tag"), Some("reader"));
    assert_eq!(put("/my", &[]).await.body["role-tag"], json!([]));
    assert_eq!(jill.get("/my").await.header("role-tag"), None);
}

#[tokio::test]
async fn what_is_deleted_loses_its_tags() {
    let jill = Caller::of(office());
    let rule = json!({ "rule": "FROM any TO all vms ALLOW tcp PORT 22" });
    let made = jill.post("/my/fwrules", &rule).await;
    let one = format!("/my/fwrules/{}", made.body["id"].as_str().unwrap());
    jill.send_json("PUT", &one, &json!({ "role-tag": ["reader"] })).await;
    assert_eq!(jill.get(&one).await.header("role-tag"), Some("reader"));
    assert_eq!(jill.delete(&one).await.status, 204);
    let again = jill.send_json("PUT", &one, &json!({})).await;
    assert_eq!(again.body["role-tag"], json!([]), "only what is said now");
}

#[tokio::test]
async fn versions_without_roles_know_no_sub_users() {
    let bob = bob(&Caller::of(office()));
    for (range, status) in [("7.2.0", 200), ("7.1.0", 401)] {
        let request = bob.request("GET", "/my/machines", 0).await.header("accept-version", range);
        assert_eq!(bob.send(request.body(Body::empty()).unwrap()).await.status, status, "{range}");
    }
}

#[tokio::test]
async fn conditions_look_at_the_request_and_the_instance() {
    let rules = [
        "CAN getmachine IF tag_team::string = blue",
        "CAN listmachines IF sourceip = 127.0.0.1 AND method = get",
    ];
    let builder = quiet().sub_user("bob").sub_user_key(PUBLIC).policy("p", rules);
    let jill =
        Caller::of(builder.role("r", ["p"]).default_member("bob").role_tag("/machines", ["r"]));
    let bob = bob(&jill);
    assert_eq!(bob.get("/my/machines").await.status, 200);
    for (team, status) in [("blue", 200), ("red", 403)] {
        let id = jill.create(&json!({ "tag.team": team })).await;
        let one = format!("/my/machines/{id}");
        jill.send_json("PUT", &one, &json!({ "role-tag": ["r"] })).await;
        assert_eq!(bob.get(&one).await.status, status, "{team}");
    }
}

#[tokio::test]
async fn administrators_may_do_everything_and_their_keys_open_new_instances() {
    let builder = quiet().sub_user("bob").sub_user_key(PUBLIC);
    let jill = Caller::of(builder.role("administrator", [""; 0]).default_member("bob"));
    let bob = bob(&jill);
    assert_eq!(bob.get("/my/keys").await.status, 200);
    assert_eq!(bob.post("/my/users", &json!({ "login": "eve" })).await.status, 409);
    let id = bob.create(&json!({})).await;
    let shown = bob.get(&format!("/my/machines/{id}")).await;
    let keys = shown.body["metadata"]["root_authorized_keys"].as_str().unwrap();
    assert_eq!(keys.lines().count(), 2, "jill's and bob's");
}

#[tokio::test]
async fn another_account_may_be_a_member_of_a_role() {
    let builder = quiet().account("bob").key(PUBLIC);
    let jill = Caller::of(builder);
    let bob = Caller {
        key_id: triton_signature::http::KeyId { account: "bob".to_owned(), ..jill.key_id.clone() },
        ..bob(&jill)
    };
    forbidden(&bob.get("/jill/machines").await, "/jill/machines (listmachines)");
    let policy = json!({ "name": "look", "rules": "CAN listmachines" });
    assert_eq!(jill.post("/my/policies", &policy).await.status, 201);
    let role = json!({
        "name": "friends",
        "policies": [{ "name": "look" }],
        "members": [{ "type": "account", "login": "bob", "default": true }],
    });
    let made = jill.post("/my/roles", &role).await;
    assert_eq!(made.body["members"][0]["type"], "account", "{}", made.body);
    jill.send_json("PUT", "/my/machines", &json!({ "role-tag": ["friends"] })).await;
    assert_eq!(bob.get("/jill/machines").await.status, 200);
    forbidden(&bob.get("/jill/keys").await, "/jill/keys (listkeys)");
    bob.get("/nobody/machines").await.expect(404, "ResourceNotFound");
}

#[tokio::test]
async fn role_operators_are_operators_only_when_they_say_so() {
    let builder = triton_sim::Sim::builder().account("bob").account("jill").key(PUBLIC);
    let jill = Caller::of(builder.role_operator().listen(false));
    forbidden(&jill.get("/bob").await, "/bob (getaccount)");
    assert_eq!(jill.get("/bob?as-role=_operator").await.body["login"], "bob");
    assert_eq!(jill.get("/my").await.status, 200);
}

#[tokio::test]
async fn accounts_may_be_kept_out_of_the_datacenter_or_from_making_instances() {
    let barred = Caller::of(quiet().barred());
    barred.get("/my/machines").await.expect(403, "NotAuthorized");
    let unapproved = Caller::of(quiet().unapproved());
    unapproved.try_create(&json!({})).await.expect(409, "InvalidArgument");
    let keyless = Caller::of(quiet());
    let fingerprint = keyless.key_id.fingerprint.clone();
    let operator = Caller::of(
        triton_sim::Sim::builder()
            .account("bob")
            .account("jill")
            .key(PUBLIC)
            .operator()
            .listen(false),
    );
    assert_eq!(operator.key_id.fingerprint, fingerprint);
    let body = json!({ "package": crate::caller::PACKAGE, "image": crate::caller::IMAGE });
    operator.post("/bob/machines", &body).await.expect(409, "KeyRequired");
}

#[tokio::test(start_paused = true)]
async fn keys_and_roles_take_a_while_to_count() {
    let delays = Delays { replication: Duration::from_secs(3), ..Delays::none() };
    let jill = Caller::of(office().delays(delays));
    let bob = bob(&jill);
    assert_eq!(bob.get("/my/machines").await.status, 200);
    let key = &bob.key_id.fingerprint;
    assert_eq!(jill.delete(&format!("/my/users/bob/keys/{key}")).await.status, 204);
    assert_eq!(jill.get("/my/users/bob/keys").await.body, json!([]));
    assert_eq!(bob.get("/my/machines").await.status, 200, "the directory does not know yet");
    tokio::time::advance(Duration::from_secs(3)).await;
    bob.get("/my/machines").await.expect(401, "InvalidCredentials");
}
