//! The calls about an instance's tags.
//!
//! Changes are jobs: the answer is what the tags will be, and a read or a list by tag shows it seconds later. Two
//! changes at a time race.

use serde_json::{Map, Value};

use super::{keys, path};
use crate::answer::json;
use crate::endpoint::{Endpoint, Group};
use crate::ids::InstanceId;
use crate::request::{Answer, AnswerError, Request, RequestError};
use crate::tags::{TagValue, Tags};

pub(super) const LIST: Endpoint = Endpoint::read("ListMachineTags", Group::Machines);
pub(super) const ADD: Endpoint = Endpoint::set("AddMachineTags", Group::Machines);
pub(super) const REPLACE: Endpoint = Endpoint::set("ReplaceMachineTags", Group::Machines);
pub(super) const DELETE_ALL: Endpoint = Endpoint::set("DeleteMachineTags", Group::Machines);
pub(super) const GET: Endpoint = Endpoint::read("GetMachineTag", Group::Machines);
pub(super) const DELETE: Endpoint = Endpoint::set("DeleteMachineTag", Group::Machines);

/// ListMachineTags.
///
/// # Errors
///
/// [`RequestError`].
pub fn list_tags(id: InstanceId) -> Result<Request<Tags>, RequestError> {
    LIST.get(&path(id).fixed("tags"), json)
}

/// AddMachineTags. The answer is what the tags will be; the change itself takes seconds.
///
/// # Errors
///
/// [`RequestError::ReservedKey`], [`RequestError::TagValue`], [`RequestError::Invalid`] for a tag that the server would
/// refuse or misread, and [`RequestError::Empty`] for no tag at all.
pub fn add_tags(id: InstanceId, tags: &Tags) -> Result<Request<Tags>, RequestError> {
    if tags.is_empty() {
        return Err(RequestError::Empty { what: "the set of tags" });
    }
    ADD.post(&path(id).fixed("tags"), &body(tags)?, json)
}

/// ReplaceMachineTags. The answer is what the tags will be; the change itself takes seconds.
///
/// # Errors
///
/// As [`add_tags`], and [`RequestError::FalsyTag`] for values that the server would lose.
pub fn replace_tags(id: InstanceId, tags: &Tags) -> Result<Request<Tags>, RequestError> {
    if let Some((key, _)) = tags.iter().find(|(_, value)| is_falsy(value)) {
        return Err(RequestError::FalsyTag { key: key.clone() });
    }
    REPLACE.put(&path(id).fixed("tags"), &body(tags)?, json)
}

/// DeleteMachineTags: all of them.
///
/// # Errors
///
/// [`RequestError`].
pub fn delete_all_tags(id: InstanceId) -> Result<Request<()>, RequestError> {
    DELETE_ALL.delete(&path(id).fixed("tags"))
}

/// GetMachineTag: its value as text, whatever its type.
///
/// Asked for as plain text, since the JSON form answers `""` for numbers and booleans; [`list_tags`] tells the type.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name, which would be all.
pub fn get_tag(id: InstanceId, name: &str) -> Result<Request<String>, RequestError> {
    let target = path(id).fixed("tags").named("the tag's name", name)?;
    Ok(GET.get(&target, plain_text)?.accepting_text())
}

/// DeleteMachineTag. That it is not there is success.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name, which would delete all; [`RequestError::Invalid`] for Docker's own tags.
pub fn delete_tag(id: InstanceId, name: &str) -> Result<Request<()>, RequestError> {
    keys::check_not_dockers(name)?;
    // Only a 404 about the tag is meant, but one about the instance leaves no such tag either.
    DELETE.delete(&path(id).fixed("tags").named("the tag's name", name)?)
}

/// A text that was asked for as such, or as JSON if the server does not care.
pub(super) fn plain_text(answer: &Answer<'_>) -> Result<String, AnswerError> {
    let is_json = answer.header("content-type").is_some_and(|kind| kind.contains("json"));
    if is_json {
        return json(answer);
    }
    answer.refusal()?;
    Ok(String::from_utf8_lossy(answer.body).into_owned())
}

fn body(tags: &Tags) -> Result<Value, RequestError> {
    keys::check_changed_tags(tags)?;
    let mut body = Map::new();
    for (key, value) in tags {
        body.insert(key.clone(), tag_value(key, value)?);
    }
    Ok(Value::Object(body))
}

/// A tag's value as JSON, if it is one that CloudAPI takes.
pub(super) fn tag_value(key: &str, value: &TagValue) -> Result<Value, RequestError> {
    match value {
        TagValue::Bool(value) => Ok((*value).into()),
        TagValue::Number(value) => Ok(Value::Number(value.clone())),
        TagValue::String(value) => Ok(value.as_str().into()),
        TagValue::Other(_) => Err(RequestError::TagValue { key: key.to_owned() }),
    }
}

/// What JavaScript takes for false.
fn is_falsy(value: &TagValue) -> bool {
    match value {
        TagValue::Bool(value) => !value,
        TagValue::Number(value) => value.as_f64() == Some(0.0),
        TagValue::String(value) => value.is_empty(),
        TagValue::Other(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, StatusCode};
    use serde_json::json;

    use super::*;

    fn id() -> InstanceId {
        InstanceId(uuid::Uuid::nil())
    }

    fn tags(key: &str, value: impl Into<TagValue>) -> Tags {
        Tags::from([(key.to_owned(), value.into())])
    }

    #[test]
    fn keys_that_would_change_what_the_call_is_about_are_refused() {
        for key in keys::RESERVED {
            let error = add_tags(id(), &tags(key, "x")).unwrap_err();
            assert!(matches!(error, RequestError::ReservedKey { .. }), "{key}");
            assert!(replace_tags(id(), &tags(key, "x")).is_err(), "{key}");
        }
        let request = add_tags(id(), &tags("role", "db")).unwrap();
        assert_eq!(request.http.body(), br#"{"role":"db"}"#);
    }

    #[test]
    fn values_that_a_replace_would_lose_are_refused() {
        for value in [false.into(), "".into(), TagValue::from(0)] {
            let replace = replace_tags(id(), &tags("x", value.clone()));
            assert!(matches!(replace, Err(RequestError::FalsyTag { .. })), "{value}");
            assert!(add_tags(id(), &tags("x", value)).is_ok());
        }
        assert!(replace_tags(id(), &tags("x", true)).is_ok());
        assert!(replace_tags(id(), &Tags::new()).is_ok());
        let odd = Tags::from([("x".to_owned(), TagValue::Other(json!([])))]);
        assert!(matches!(add_tags(id(), &odd), Err(RequestError::TagValue { .. })));
    }

    #[test]
    fn an_empty_name_never_becomes_a_delete_of_all() {
        assert!(matches!(delete_tag(id(), ""), Err(RequestError::Empty { .. })));
        assert!(matches!(get_tag(id(), ""), Err(RequestError::Empty { .. })));
        assert!(matches!(add_tags(id(), &Tags::new()), Err(RequestError::Empty { .. })));
        assert!(delete_tag(id(), "docker:label:com.docker.x").is_err());
    }

    #[test]
    fn a_tags_value_is_read_as_text_whether_the_server_sends_json_or_not() {
        let request = get_tag(id(), "x").unwrap();
        let read = |kind: &'static str, body: &[u8]| {
            let kind = HeaderValue::from_static(kind);
            let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, kind)]);
            request.read(&Answer { status: StatusCode::OK, headers: &headers, body })
        };
        assert_eq!(read("text/plain", b"3").unwrap(), "3");
        assert_eq!(read("text/plain", b"\"db\"").unwrap(), "\"db\"");
        assert_eq!(read("application/json", b"\"db\"").unwrap(), "db");
        assert!(read("application/json", b"{}").is_err());
    }
}
