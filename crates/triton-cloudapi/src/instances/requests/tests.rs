use http::HeaderMap;
use serde_json::json;

use super::*;
use crate::instances::{Brand, InstanceState};
use crate::request::BODY_BYTES_MAX;

fn id() -> InstanceId {
    "00000000-0000-4000-8000-000000000001".parse().unwrap()
}

fn body<T>(request: &Request<T>) -> Value {
    serde_json::from_slice(request.http.body()).unwrap()
}

fn tags(tags: &[(&str, TagValue)]) -> Tags {
    tags.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

#[test]
fn a_create_is_flat_and_its_booleans_are_booleans() {
    let parameters = CreateInstance {
        name: "web-0".to_owned(),
        package: "g4".to_owned(),
        image: "00000000-0000-4000-8000-0000000000aa".to_owned(),
        networks: Some(vec!["00000000-0000-4000-8000-0000000000b1".parse().unwrap()]),
        affinity: vec!["role!=db".to_owned()],
        metadata: BTreeMap::from([("user-script".to_owned(), "#!/bin/sh\n".to_owned())]),
        tags: tags(&[
            ("k8s.pod", "web-0".into()),
            ("n", TagValue::Number(3.into())),
            ("yes", true.into()),
        ]),
        brand: Some(Brand::Bhyve),
        firewall_enabled: true,
        deletion_protection: false,
    };
    let request = create(&parameters).unwrap();
    assert_eq!((request.http.method(), request.http.uri().path()), (&Method::POST, "/machines"));
    assert_eq!(request.endpoint.idempotency, Idempotency::Never);
    assert_eq!(request.http.headers()["content-type"], "application/json");
    let expected = json!({
        "name": "web-0", "package": "g4", "image": "00000000-0000-4000-8000-0000000000aa",
        "networks": ["00000000-0000-4000-8000-0000000000b1"], "affinity": ["role!=db"], "brand": "bhyve",
        "firewall_enabled": true, "deletion_protection": false, "allow_shared_images": true,
        "metadata.user-script": "#!/bin/sh\n", "tag.k8s.pod": "web-0", "tag.n": 3, "tag.yes": true,
    });
    assert_eq!(body(&request), expected);
}

#[test]
fn what_is_not_asked_for_is_not_sent() {
    let body = body(&create(&CreateInstance::default()).unwrap());
    for key in ["name", "networks", "affinity", "brand"] {
        assert_eq!(body.get(key), None, "{key}");
    }
}

#[test]
fn a_body_that_the_server_would_refuse_is_not_made() {
    let metadata = |bytes| BTreeMap::from([("x".to_owned(), "x".repeat(bytes))]);
    let sized =
        |bytes| create(&CreateInstance { metadata: metadata(bytes), ..CreateInstance::default() });
    let empty = sized(0).unwrap().http.body().len();
    assert_eq!(sized(BODY_BYTES_MAX - empty).unwrap().http.body().len(), BODY_BYTES_MAX);
    let error = sized(BODY_BYTES_MAX - empty + 1).unwrap_err();
    assert!(matches!(error, RequestError::TooLarge { bytes: 100_001 }), "{error}");
}

#[test]
fn no_false_is_sent_as_a_tombstone_since_any_text_means_yes() {
    let target = |list: &ListInstances| list.target().as_str().to_owned();
    assert_eq!(target(&ListInstances::default()), "/machines");
    let list = ListInstances {
        limit: Some(10),
        offset: Some(20),
        name_prefix: Some("we b".to_owned()),
        ..Default::default()
    };
    let list = list.with_tag("k8s.pod/x", "a=*").with_tombstones();
    assert_eq!(
        target(&list),
        "/machines?tag.k8s.pod%2Fx=a%3D%2A&name=we%20b&tombstone=true&limit=10&offset=20"
    );
}

#[test]
fn keys_that_would_change_what_the_call_is_about_are_refused() {
    for key in RESERVED_KEYS {
        let error = add_tags(id(), &tags(&[(key, "x".into())])).unwrap_err();
        assert!(matches!(error, RequestError::ReservedKey { .. }), "{key}");
        assert!(
            add_metadata(id(), &BTreeMap::from([(key.to_owned(), String::new())])).is_err(),
            "{key}"
        );
    }
    for key in ["credentials", "root_pw"] {
        assert!(
            add_metadata(id(), &BTreeMap::from([(key.to_owned(), String::new())])).is_err(),
            "{key}"
        );
    }
    let request = add_tags(id(), &tags(&[("role", "db".into())])).unwrap();
    assert_eq!(body(&request), json!({"role": "db"}));
}

#[test]
fn values_that_a_replace_would_lose_are_refused() {
    for value in [false.into(), "".into(), TagValue::Number(0.into())] {
        assert!(matches!(
            replace_tags(id(), &tags(&[("x", value)])),
            Err(RequestError::FalsyTag { .. })
        ));
    }
    assert!(replace_tags(id(), &tags(&[("x", true.into())])).is_ok());
    assert!(replace_tags(id(), &Tags::new()).is_ok());
    assert!(matches!(
        add_tags(id(), &tags(&[("x", TagValue::Other(json!([])))])),
        Err(RequestError::TagValue { .. })
    ));
}

#[test]
fn an_empty_name_never_becomes_a_delete_of_all() {
    assert!(matches!(delete_tag(id(), ""), Err(RequestError::Empty { .. })));
    assert!(matches!(delete_metadata(id(), ""), Err(RequestError::Empty { .. })));
    assert!(matches!(add_tags(id(), &Tags::new()), Err(RequestError::Empty { .. })));
}

fn answer(status: u16, body: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
    (StatusCode::from_u16(status).unwrap(), HeaderMap::new(), body.as_bytes().to_vec())
}

fn read<T>(
    request: &Request<T>,
    (status, headers, body): &(StatusCode, HeaderMap, Vec<u8>),
) -> Result<T, AnswerError> {
    request.read(&Answer { status: *status, headers, body })
}

const DELETED: &str =
    r#"{"id":"00000000-0000-4000-8000-000000000001","name":"x","state":"deleted","tags":{}}"#;

#[test]
fn not_being_there_is_an_answer_of_find_and_nothing_else_is() {
    let find = find(id()).unwrap();
    assert!(matches!(read(&find, &answer(404, "")), Ok(Presence::NotFound)));
    assert!(matches!(read(&find, &answer(200, DELETED)), Ok(Presence::Present(_))));
    for (body, name) in [(DELETED, "x"), ("\"an id\"", ""), ("", "")] {
        let Ok(Presence::Destroyed(instance)) = read(&find, &answer(410, body)) else {
            panic!("{body}")
        };
        assert_eq!((instance.id, instance.name.as_str()), (id(), name));
        assert_eq!(instance.state, InstanceState::Deleted);
    }
    for status in [401, 403, 409, 500, 503] {
        assert!(matches!(read(&find, &answer(status, "{}")), Err(AnswerError::Api(_))), "{status}");
    }
    assert!(matches!(read(&find, &answer(200, "{\"id\":")), Err(AnswerError::Decode { .. })));
}

#[test]
fn a_delete_succeeds_when_the_instance_is_gone_and_only_then() {
    let delete = delete(id()).unwrap();
    for status in [204, 202, 404, 410] {
        assert!(read(&delete, &answer(status, "")).is_ok(), "{status}");
    }
    for status in [302, 401, 409, 500, 503] {
        assert!(read(&delete, &answer(status, "")).is_err(), "{status}");
    }
}
