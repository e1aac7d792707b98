//! What holds for any bytes that a server, or somebody in between, may send. Fuzzing checks the same laws.

use http::{HeaderMap, StatusCode};
use serde_json::Value;
use triton_cloudapi::changefeed::Change;
use triton_cloudapi::instances::{self, ListInstances};
use triton_cloudapi::{Answer, ApiError};

/// A page is read whole, or not at all: what is in the list comes out, as an instance or as an odd item.
pub(crate) fn page(body: &[u8]) {
    let Ok(request) = instances::list(&ListInstances::default()) else { return };
    let headers = HeaderMap::new();
    let read = request.read(&Answer { status: StatusCode::OK, headers: &headers, body });
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Array(items)) => {
            let page = read.unwrap_or_else(|error| panic!("a list was refused: {error}"));
            assert_eq!(page.items.len() + page.odd.len(), items.len());
        }
        Ok(_) => assert!(read.is_err(), "what is no list was read as one"),
        // Broken where the client does not look, such as text that is no UTF-8 in a field it skips.
        Err(_) => {}
    }
}

/// An instance alone in a list: whatever else is strange about it, its id and its name are kept.
pub(crate) fn machine(body: &[u8]) {
    let Ok(request) = instances::list(&ListInstances::default()) else { return };
    let Ok(Value::Object(object)) = serde_json::from_slice(body) else { return };
    let list = [b"[", body, b"]"].concat();
    let headers = HeaderMap::new();
    let answer = Answer { status: StatusCode::OK, headers: &headers, body: &list };
    let page = request.read(&answer).unwrap_or_else(|error| panic!("refused: {error}"));
    for instance in &page.items {
        let id = object.get("id").and_then(Value::as_str).unwrap_or_default();
        assert_eq!(instance.id.to_string(), id.to_lowercase());
        if let Some(name) = object.get("name").and_then(Value::as_str) {
            assert_eq!(instance.name, name);
        }
        // Both are for logs.
        let _ = format!("{instance:?}");
    }
}

/// An error keeps its status, can be shown, and is of bounded length whatever was sent.
pub(crate) fn error(input: &[u8]) {
    let (code, body) = input.split_first().unwrap_or((&0, &[]));
    // 400 to 599.
    let status = 400 + u16::from(*code) % 200;
    let Ok(status) = StatusCode::from_u16(status) else { return };
    let error = ApiError::from_answer(&Answer { status, headers: &HeaderMap::new(), body });
    assert_eq!(error.status, status.as_u16());
    assert!(!error.to_string().is_empty());
    assert!(!(error.is_not_found() && error.is_throttled()));
    let _ = format!("{error:?}");
}

/// A frame that is understood names the instance it is about.
pub(crate) fn frame(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(change) = Change::from_frame(text) else { return };
    let named = change.instance_id.to_string();
    assert!(
        serde_json::from_str::<Value>(text).is_ok_and(|frame| frame["changedResourceId"]
            .as_str()
            .is_some_and(|id| id.to_lowercase().contains(&named[24..]))),
        "{text} does not name {named}"
    );
    assert!(change.instance.is_none_or(|instance| instance.id == change.instance_id));
}
