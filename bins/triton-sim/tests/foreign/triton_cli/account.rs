//! `triton account`, `datacenters`, `services`, and what every answer carries.

use serde_json::json;

use crate::stage::Stage;

#[test]
fn the_account_says_who_it_is() {
    let stage = Stage::start();
    let account = stage.json(&["account", "get", "-j"]);
    assert_eq!(
        (&account["login"], &account["triton_cns_enabled"]),
        (&json!("jill"), &json!(false))
    );
    stage.says(&["account", "update", "companyName=Example", "triton_cns_enabled=true"]);
    let account = stage.json(&["account", "get", "-j"]);
    assert_eq!(account["companyName"], "Example");
    assert_eq!(account["triton_cns_enabled"], true);
    let info = stage.json(&["info", "-j"]);
    assert_eq!((&info["login"], &info["instances"]), (&json!("jill"), &json!({})));
}

#[test]
fn the_datacenter_says_where_it_is() {
    let stage = Stage::start();
    let datacenters = stage.json(&["datacenters", "-j"]);
    let (name, url) = datacenters.as_object().unwrap().iter().next().unwrap();
    assert_eq!(*url, *stage.url);
    assert_eq!(stage.json(&["services", "-j"])["cloudapi"], *stage.url);
    let there = stage.request("GET", &format!("/my/datacenters/{name}"), None);
    assert_eq!((there.status, there.header("location")), (302, Some(stage.url.as_str())));
    assert_eq!(there.body["code"], "ResourceMoved");
}

#[test]
fn every_answer_says_who_gave_it() {
    let stage = Stage::start();
    let answer = stage.request("GET", "/--ping", None);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["ping"], "pong");
    assert_eq!(
        answer.body["cloudapi"]["versions"].as_array().unwrap().last(),
        Some(&json!("9.0.0"))
    );
    for path in ["/my/machines", "/my", "/my/images", "/my/networks"] {
        let answer = stage.request("GET", path, None);
        assert_eq!(answer.status, 200, "{answer:#?}");
        assert!(answer.header("server").unwrap().starts_with("cloudapi/9."), "{answer:#?}");
        for name in ["api-version", "request-id", "response-time", "date", "content-md5"] {
            assert!(answer.header(name).is_some(), "{path} has no {name}: {answer:#?}");
        }
    }
    for (path, code) in [
        ("/my/nothing", "ResourceNotFound"),
        ("/my/machines/nothing", "ValidationFailed"),
        ("/other/machines", "ResourceNotFound"),
    ] {
        let said = stage.fails(1, &["cloudapi", path]);
        assert!(said.contains(&format!("({code})")), "{path}: {said}");
    }
}

#[test]
fn keys_come_and_go() {
    let stage = Stage::start();
    let other = stage.home().join("other");
    crate::stage::run(
        std::process::Command::new("ssh-keygen")
            .args(["-q", "-N", "", "-t", "ed25519", "-f"])
            .arg(&other),
    );
    let public = other.with_extension("pub");
    stage.says(&["key", "add", "-n", "other", public.to_str().unwrap()]);
    let keys = stage.jsons(&["key", "list", "-j"]);
    assert_eq!(keys.len(), 2, "{keys:#?}");
    let key = stage.json(&["key", "get", "-j", "other"]);
    let text = std::fs::read_to_string(&public).unwrap();
    assert_eq!(key["key"].as_str().unwrap().trim(), text.trim());
    assert_eq!(
        stage.json(&["key", "get", "-j", key["fingerprint"].as_str().unwrap()])["name"],
        "other"
    );
    stage.says(&["key", "delete", "-y", "other"]);
    assert_eq!(stage.jsons(&["key", "list", "-j"]).len(), 1);
}

#[test]
fn access_keys_come_and_go() {
    let stage = Stage::start();
    // npm's CLI has no command for them yet.
    let made = stage.request("POST", "/my/accesskeys", Some(&json!({})));
    assert_eq!(made.status, 201);
    let id = made.body["accesskeyid"].as_str().unwrap();
    assert!(!made.body["accesskeysecret"].as_str().unwrap().is_empty());
    assert_eq!(made.body["status"], "Active");
    let path = format!("/my/accesskeys/{id}");
    assert_eq!(made.header("location"), Some(path.replace("/my/", "/jill/").as_str()));
    assert_eq!(stage.request("GET", &path, None).body, made.body);
    assert_eq!(stage.request("DELETE", &path, None).status, 204);
    assert_eq!(stage.request("GET", "/my/accesskeys", None).body, json!([]));
    assert_eq!(stage.json(&["account", "limits", "-j"]), json!([]));
}
