//! Images: filters, and the life of an account's own.

use std::time::Duration;

use serde_json::{Value, json};
use triton_signature::http::KeyId;
use triton_sim::Delays;
use uuid::{Uuid, uuid};

use crate::caller::{Caller, IMAGE, PACKAGE, PUBLIC, Reply, quiet};

const DISTANT: Uuid = uuid!("11111111-2222-4333-8444-555555555555");

fn of_bob(jill: &Caller) -> Caller {
    let key_id = KeyId { account: "bob".to_owned(), ..jill.key_id.clone() };
    Caller { sim: jill.sim.clone(), key_id, ..Caller::of(quiet()) }
}

async fn stopped(caller: &Caller) -> String {
    let id = caller.create(&json!({})).await;
    let stop = json!({ "action": "stop" });
    assert_eq!(caller.post(&format!("/my/machines/{id}"), &stop).await.status, 202);
    id
}

async fn make(caller: &Caller, more: &Value) -> Reply {
    let machine = stopped(caller).await;
    let mut body = json!({ "machine": machine, "name": "golden", "version": "1.0.0" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = caller.post("/my/images", &body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    made
}

fn id_of(reply: &Reply) -> String {
    reply.body["id"].as_str().unwrap().to_owned()
}

async fn count(caller: &Caller, query: &str) -> usize {
    let reply = caller.get(&format!("/my/images?{query}")).await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.body);
    reply.body.as_array().unwrap().len()
}

#[tokio::test]
async fn filters_choose() {
    let caller = Caller::new();
    for (query, expected) in [
        ("", 13),
        ("state=all", 14),
        ("state=disabled", 1),
        ("name=nginx", 1),
        ("name=~ubuntu", 8),
        ("name=~UBUNTU", 0),
        ("version=~2024", 4),
        ("name=ubuntu-22.04&version=20240115", 1),
        ("os=smartos", 4),
        ("type=zvol", 3),
        ("type=!zvol", 10),
        ("public=true", 13),
        ("public=false", 0),
        ("owner=930896af-bf8c-48d4-885c-6573a94b1853", 13),
        ("owner=nobody", 0),
    ] {
        assert_eq!(count(&caller, query).await, expected, "{query}");
    }
    caller.get("/my/images?state=lost").await.expect(422, "InvalidParameter");
    caller.get("/my/images/nonsense").await.expect(404, "ResourceNotFound");
}

#[tokio::test]
async fn old_versions_know_two_types() {
    let caller = Caller::new();
    let get = async |target: &str| {
        let request = caller.request("GET", target, 0).await.header("accept-version", "~7");
        caller.send(request.body(axum::body::Body::empty()).unwrap()).await
    };
    let images = get("/my/images?type=virtualmachine").await;
    assert_eq!(images.body.as_array().unwrap().len(), 3);
    assert!(images.body.as_array().unwrap().iter().all(|i| i["type"] == "virtualmachine"));
    get("/my/images?type=zvol").await.expect(409, "InvalidArgument");
}

#[tokio::test(start_paused = true)]
async fn an_image_is_made_of_a_stopped_instance() {
    let delays = Delays { image: Duration::from_secs(5), ..Delays::none() };
    let caller = Caller::of(quiet().delays(delays));
    let running = caller.create(&json!({})).await;
    let body = json!({ "machine": running, "name": "golden", "version": "1.0.0" });
    caller.post("/my/images", &body).await.expect(422, "InvalidParameter");
    let made = make(&caller, &json!({ "tags": { "role": "base" } })).await;
    let id = id_of(&made);
    assert_eq!(made.header("location"), Some(&*format!("/jill/images/{id}")));
    assert!(made.header("x-joyent-jobid").is_some());
    assert_eq!((&made.body["state"], made.body.get("os")), (&json!("creating"), None));
    assert_eq!(caller.get(&format!("/my/images/{id}")).await.body["state"], "creating");
    assert_eq!(count(&caller, "public=false").await, 0);
    assert_eq!(count(&caller, "state=creating").await, 1);
    let create = json!({ "package": PACKAGE, "image": id });
    caller.post("/my/machines", &create).await.expect(409, "InvalidArgument");
    tokio::time::advance(Duration::from_secs(5)).await;
    let image = caller.get(&format!("/my/images/{id}")).await.body;
    assert_eq!((&image["state"], &image["origin"]), (&json!("active"), &json!(IMAGE)));
    assert_eq!((&image["tags"]["role"], &image["public"]), (&json!("base"), &json!(false)));
    assert!(image["published_at"].is_string() && image["tags"]["kernel_version"].is_string());
    assert_eq!(caller.post("/my/machines", &create).await.status, 201);
}

#[tokio::test]
async fn creates_and_actions_need_their_arguments() {
    let caller = Caller::new();
    caller.post("/my/images", &json!({})).await.expect(409, "MissingParameter");
    let machine = stopped(&caller).await;
    let unnamed = json!({ "machine": machine, "version": "1" });
    caller.post("/my/images", &unnamed).await.expect(409, "MissingParameter");
    let strange = json!({ "machine": machine, "name": "a", "version": "1", "acl": ["bob"] });
    caller.post("/my/images", &strange).await.expect(422, "ValidationFailed");
    let id = id_of(&make(&caller, &json!({})).await);
    let post =
        async |query: &str| caller.post(&format!("/my/images/{id}{query}"), &json!({})).await;
    post("").await.expect(409, "MissingParameter");
    post("?action=paint").await.expect(409, "InvalidArgument");
    post("?action=update").await.expect(422, "ValidationFailed");
    post("?action=export").await.expect(409, "MissingParameter");
    post("?action=export&manta_path=/bob/stor/x").await.expect(422, "NotMantaPathOwner");
    let exported = post("?action=export&manta_path=/jill/stor/").await;
    assert_eq!(exported.body["image_path"], "/jill/stor/golden-1.0.0.zfs.gz");
}

#[tokio::test]
async fn an_image_belongs_to_its_owner() {
    let jill = Caller::of(quiet().account("bob").key(PUBLIC));
    let bob = of_bob(&jill);
    let id = id_of(&make(&jill, &json!({})).await);
    let one = format!("/my/images/{id}");
    bob.get(&one).await.expect(404, "ResourceNotFound");
    jill.get(&format!("/my/machines?image={id}")).await;
    let bobs_id = bob.get("/my").await.body["id"].clone();
    let share = json!({ "acl": [bobs_id], "description": "for friends" });
    let shared = jill.post(&format!("{one}?action=update"), &share).await;
    assert_eq!((shared.status, &shared.body["description"]), (200, &json!("for friends")));
    assert_eq!(bob.get(&one).await.body["acl"], json!([bobs_id]));
    bob.delete(&one).await.expect(422, "NotImageOwner");
    let update = json!({ "name": "mine" });
    bob.post(&format!("{one}?action=update"), &update).await.expect(422, "NotImageOwner");
    let create = json!({ "package": PACKAGE, "image": id });
    let refused = bob.post("/my/machines", &create).await;
    refused.expect(409, "InvalidArgument");
    assert!(refused.body["message"].as_str().unwrap().contains("allow_shared_images"));
    let allowed = json!({ "package": PACKAGE, "image": id, "allow_shared_images": true });
    assert_eq!(bob.post("/my/machines", &allowed).await.status, 201);
    let clone = bob.post(&format!("{one}?action=clone"), &json!({})).await;
    assert_eq!((clone.status, &clone.body["owner"]), (200, &bobs_id));
    assert_eq!(clone.body.get("acl"), None);
    jill.post(&format!("{one}?action=clone"), &json!({})).await.expect(422, "ImageNotShared");
}

#[tokio::test]
async fn an_image_that_others_were_made_of_stays() {
    let caller = Caller::new();
    let base = id_of(&make(&caller, &json!({})).await);
    let machine = caller.post("/my/machines", &json!({ "package": PACKAGE, "image": base })).await;
    let machine = machine.body["id"].as_str().unwrap().to_owned();
    caller.post(&format!("/my/machines/{machine}"), &json!({ "action": "stop" })).await;
    let body = json!({ "machine": machine, "name": "child", "version": "1" });
    let child = id_of(&caller.post("/my/images", &body).await);
    let base = format!("/my/images/{base}");
    caller.delete(&base).await.expect(422, "ImageHasDependentImages");
    assert_eq!(caller.delete(&format!("/my/images/{child}")).await.status, 204);
    assert_eq!(caller.delete(&base).await.status, 204);
    caller.get(&base).await.expect(404, "ResourceNotFound");
}

#[tokio::test]
async fn images_come_from_other_datacenters() {
    let builder =
        quiet().image_elsewhere("eu-1", DISTANT, "golden", "2.0.0").account("bob").key(PUBLIC);
    let jill = Caller::of(builder);
    let bob = of_bob(&jill);
    let import = |datacenter: &str| {
        format!("/my/images?action=import-from-datacenter&datacenter={datacenter}&id={DISTANT}")
    };
    jill.post(&import("mars"), &json!({})).await.expect(422, "ValidationFailed");
    bob.post(&import("eu-1"), &json!({})).await.expect(401, "UnauthorizedError");
    let imported = jill.post(&import("eu-1"), &json!({})).await;
    assert_eq!((imported.status, &imported.body["name"]), (200, &json!("golden")));
    jill.post(&import("eu-1"), &json!({})).await.expect(409, "ImageUuidAlreadyExists");
    let bad = "/my/images?action=import-from-datacenter&datacenter=eu-1&id=x";
    jill.post(bad, &json!({})).await.expect(409, "InvalidArgument");
}

#[tokio::test]
async fn packages_are_found_by_name_and_wildcard() {
    let caller = Caller::new();
    let names = async |query: &str| {
        let reply = caller.get(&format!("/my/packages?{query}")).await;
        reply.body.as_array().unwrap().len()
    };
    assert_eq!(names("").await, 11);
    assert_eq!(names("name=g4-bhyve-*").await, 3);
    assert_eq!(names("name=g4-bhyve").await, 0);
    assert_eq!(names("memory=1024").await, 2);
    assert_eq!(names("brand=bhyve&flexible_disk=true").await, 1);
    let by_name = caller.get("/my/packages/g4-highcpu-1G").await;
    assert_eq!(by_name.body["id"], PACKAGE);
    assert_eq!(caller.get(&format!("/my/packages/{PACKAGE}")).await.body, by_name.body);
    caller.get("/my/packages/g5").await.expect(404, "ResourceNotFound");
}
