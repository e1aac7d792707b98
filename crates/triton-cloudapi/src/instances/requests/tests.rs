use std::collections::BTreeMap;

use http::HeaderMap;

use super::*;
use crate::instances::{Brand, InstanceKind, InstanceState, StateFilter};
use crate::request::BODY_BYTES_MAX;

fn id() -> InstanceId {
    "00000000-0000-4000-8000-000000000001".parse().unwrap()
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
fn a_create_is_checked_and_tagged_with_roles() {
    let role_tags = vec!["ops".to_owned(), "web".to_owned()];
    let tagged = CreateInstance { role_tags, ..CreateInstance::default() };
    assert_eq!(create(&tagged).unwrap().http.headers()["role-tag"], "ops,web");
    assert!(create(&CreateInstance::default()).unwrap().http.headers().get("role-tag").is_none());
    for bad in ["a,b", "", "a\nb", "ä", " a"] {
        let role_tags = vec![bad.to_owned()];
        assert!(
            create(&CreateInstance { role_tags, ..CreateInstance::default() }).is_err(),
            "{bad}"
        );
    }
    let unnamed = CreateInstance { name: "a b".to_owned(), ..CreateInstance::default() };
    assert!(matches!(create(&unnamed), Err(RequestError::Invalid { .. })));
}

#[track_caller]
fn check(filter: &ListInstances, expected: &str) {
    assert_eq!(filter.target().unwrap().as_str(), expected);
}

#[test]
fn filters_are_in_the_query_and_no_false_is_sent_where_any_text_means_yes() {
    check(&ListInstances::default(), "/machines");
    let list = ListInstances {
        limit: Some(10),
        offset: Some(20),
        name_prefix: Some("we b".to_owned()),
        ..Default::default()
    };
    check(
        &list.with_tag("k8s.pod/x", "a*").with_tombstones(),
        "/machines?tag.k8s.pod%2Fx=a%2A&name=we%20b&tombstone=true&limit=10&offset=20",
    );
    let list = ListInstances {
        image: Some(crate::ImageId(uuid::Uuid::nil())),
        state: Some(StateFilter::Stopped),
        memory_mib: Some(512),
        brand: Some(Brand::Lx),
        kind: Some(InstanceKind::Smartmachine),
        docker: Some(false),
        credentials: true,
        ..Default::default()
    };
    check(
        &list,
        "/machines?image=00000000-0000-0000-0000-000000000000&state=stopped&memory=512&brand=lx\
         &type=smartmachine&docker=false&credentials=true",
    );
}

#[test]
fn filters_that_the_server_would_not_understand_are_refused() {
    let limited = |limit| ListInstances { limit: Some(limit), ..Default::default() };
    assert!(list(&limited(1)).is_ok() && list(&limited(1000)).is_ok());
    for limit in [0, 1001] {
        let error = list(&limited(limit)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("limit cannot be \"{limit}\": a page has 1 to 1000 elements")
        );
    }
    for (name, value) in
        [("", "x"), ("x", ""), ("a=b", "x"), ("x", "a=b"), ("x", "(a)"), ("x", "\\")]
    {
        assert!(list(&ListInstances::default().with_tag(name, value)).is_err(), "{name}={value}");
    }
    let odd = InstanceKind::Other("machine".to_owned());
    assert!(list(&ListInstances { kind: Some(odd), ..Default::default() }).is_err());
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
