//! One change, read from the frame that tells of it.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::SubResource;
use crate::ids::InstanceId;
use crate::instances::{Instance, InstanceState};

/// Longest name of a resource that an error shows, in characters.
const SHOWN_CHARS_MAX: usize = 80;

/// An instance has changed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// Which one.
    pub instance_id: InstanceId,
    /// When the change was told, to the millisecond, by the server's clock. Several changes may share it.
    pub published: Option<Timestamp>,
    /// What has changed. Beside [`SubResource`]'s names there are others, such as `zone_state` and `last_modified`.
    pub sub_resources: Vec<String>,
    /// The state as VMAPI calls it: `shutting_down` and `destroyed`, where CloudAPI says `stopping` and `deleted`.
    pub raw_state: String,
    /// The state in CloudAPI's words.
    pub state: InstanceState,
    /// The instance as it was then. Its `package` is empty and it has no `dns_names`.
    pub instance: Option<Box<Instance>>,
    /// A later change of this instance came before this one, so what this one says is no longer true.
    pub is_late: bool,
}

/// A frame that tells of no change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// It is not a JSON object. What it is instead is not said: it may be a piece of an instance, secrets included.
    #[error("the frame of {bytes} bytes is not a JSON object")]
    NotJson {
        /// Its size.
        bytes: usize,
    },
    /// It is JSON that names no instance.
    #[error("the frame names no instance in changedResourceId")]
    NoInstance,
    /// It is about something that is not an instance.
    #[error("the frame is about a resource called {0:?}, not vm")]
    OtherResource(String),
}

// === impl Change ===

impl Change {
    /// Reads a text frame. What is absent or strange is left out, as long as the instance is named.
    ///
    /// # Errors
    ///
    /// [`FrameError`] if the frame is not a change of an instance.
    pub fn from_frame(text: &str) -> Result<Self, FrameError> {
        let mut frame: Map<String, Value> =
            serde_json::from_str(text).map_err(|_| FrameError::NotJson { bytes: text.len() })?;
        let kind = frame.get("changeKind");
        let resource = kind.and_then(|kind| kind.get("resource")).and_then(Value::as_str);
        if let Some(other) = resource.filter(|resource| *resource != "vm") {
            return Err(FrameError::OtherResource(other.chars().take(SHOWN_CHARS_MAX).collect()));
        }
        let sub_resources = kind.and_then(|kind| kind.get("subResources")).map(texts);
        let id = frame.get("changedResourceId").and_then(Value::as_str);
        let instance_id: InstanceId =
            id.and_then(|id| id.parse().ok()).ok_or(FrameError::NoInstance)?;
        let raw_state = frame.get("resourceState").and_then(Value::as_str).unwrap_or_default();
        let raw_state = raw_state.to_owned();
        let instance = frame.remove("resourceObject").and_then(|object| {
            // Another instance than the one named would be believed for this one.
            let instance: Instance = serde_json::from_value(object).ok()?;
            (instance.id == instance_id).then(|| Box::new(instance))
        });
        let state = match (&instance, raw_state.as_str()) {
            (Some(instance), "") => instance.state.clone(),
            (_, raw) => state_from_vmapi(raw),
        };
        Ok(Self {
            instance_id,
            published: frame.get("published").and_then(published),
            sub_resources: sub_resources.unwrap_or_default(),
            raw_state,
            state,
            instance,
            is_late: false,
        })
    }

    /// Whether this part has changed.
    #[must_use]
    pub fn has(&self, sub_resource: SubResource) -> bool {
        self.sub_resources.iter().any(|name| name == sub_resource.as_str())
    }

    /// Whether the instance is no more.
    #[must_use]
    pub fn is_destroyed(&self) -> bool {
        self.state == InstanceState::Deleted
    }
}

fn texts(value: &Value) -> Vec<String> {
    let values = value.as_array().map(Vec::as_slice).unwrap_or_default();
    values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

/// Milliseconds since 1970: as text, the server writes them so; a number will do.
fn published(value: &Value) -> Option<Timestamp> {
    let millis = match value {
        Value::String(text) => text.trim().parse().ok()?,
        other => other.as_i64()?,
    };
    Timestamp::from_millisecond(millis).ok()
}

/// VMAPI's state in CloudAPI's words (sdc-cloudapi, lib/machines.js).
#[must_use]
pub fn state_from_vmapi(raw: &str) -> InstanceState {
    match raw {
        "configured" | "incomplete" | "unavailable" | "provisioning" => InstanceState::Provisioning,
        "ready" => InstanceState::Ready,
        "running" => InstanceState::Running,
        "halting" | "stopping" | "shutting_down" => InstanceState::Stopping,
        "off" | "down" | "installed" | "stopped" => InstanceState::Stopped,
        "unreachable" => InstanceState::Offline,
        "destroyed" => InstanceState::Deleted,
        "failed" => InstanceState::Failed,
        other => InstanceState::Unknown(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "00000000-0000-4000-8000-000000000001";

    fn read(frame: Value) -> Change {
        Change::from_frame(&frame.to_string()).unwrap()
    }

    #[test]
    fn a_change_says_what_has_changed_when_and_how_it_is_now() {
        let change = read(json!({
            "changeKind": {"resource": "vm", "subResources": ["state", "zone_state", "last_modified"]},
            "changedResourceId": ID,
            "published": "1767323045678",
            "resourceState": "shutting_down",
            "resourceObject": {"id": ID, "name": "web-0", "state": "stopping", "package": "", "tags": {"role": "web"}},
        }));
        assert_eq!(change.instance_id.to_string(), ID);
        assert_eq!(change.published.unwrap().to_string(), "2026-01-02T03:04:05.678Z");
        assert!(change.has(SubResource::State) && !change.has(SubResource::Tags));
        assert_eq!(change.sub_resources[1], "zone_state");
        assert_eq!(
            (change.raw_state.as_str(), &change.state),
            ("shutting_down", &InstanceState::Stopping)
        );
        let instance = change.instance.unwrap();
        assert_eq!((instance.name.as_str(), instance.package.as_str()), ("web-0", ""));
        assert!(!change.is_late);
    }

    #[test]
    fn what_is_absent_or_strange_is_left_out() {
        let bare = read(json!({"changedResourceId": ID}));
        assert_eq!((bare.published, bare.instance.is_none()), (None, true));
        assert_eq!(bare.state, InstanceState::Unknown(String::new()));
        let strange = read(json!({
            "changeKind": {"subResources": ["state", 7, null]},
            "changedResourceId": ID,
            "published": 1_767_323_045_678_i64,
            "resourceState": "destroyed",
            "resourceObject": [1],
        }));
        assert_eq!(strange.sub_resources, ["state"]);
        assert!(
            strange.published.is_some() && strange.is_destroyed() && strange.instance.is_none()
        );
        for published in [json!("soon"), json!("99999999999999999999"), json!(i64::MAX), json!([])]
        {
            assert_eq!(
                read(json!({"changedResourceId": ID, "published": published})).published,
                None
            );
        }
    }

    #[test]
    fn another_instance_is_not_taken_for_the_one_that_changed() {
        let other = "00000000-0000-4000-8000-000000000002";
        let change =
            read(json!({"changedResourceId": ID, "resourceObject": {"id": other, "tags": {}}}));
        assert_eq!(change.instance, None);
    }

    #[test]
    fn the_state_is_vmapis_in_cloudapis_words() {
        let rows = [
            ("configured", "provisioning"),
            ("ready", "ready"),
            ("running", "running"),
            ("halting", "stopping"),
            ("down", "stopped"),
            ("installed", "stopped"),
            ("unreachable", "offline"),
            ("destroyed", "deleted"),
            ("failed", "failed"),
            ("receiving", "receiving"),
        ];
        for (raw, state) in rows {
            assert_eq!(state_from_vmapi(raw).as_str(), state);
        }
        let only_object = read(
            json!({"changedResourceId": ID, "resourceObject": {"id": ID, "state": "running", "tags": {}}}),
        );
        assert_eq!(only_object.state, InstanceState::Running);
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_strange(text in ".*") {
            drop(Change::from_frame(&text));
        }

        #[test]
        fn no_value_is_too_strange(
            key in "changeKind|published|resourceState|resourceObject",
            value in "null|true|-1|1e400|\"\"|\"x\"|\\[\\]|\\[1\\]|\\{\\}|\\{\"resource\":1\\}|\\{\"subResources\":\\{\\}\\}",
        ) {
            let frame = format!(r#"{{"changedResourceId":"{ID}","{key}":{value}}}"#);
            // 1e400 is no number of JSON's reader; everything else is left out where it is of no use.
            let is_read = Change::from_frame(&frame).is_ok();
            proptest::prop_assert_eq!(is_read, value != "1e400");
        }
    }

    #[track_caller]
    fn check_bogus(frame: &str, expected: &str) {
        assert_eq!(Change::from_frame(frame).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_frame_that_is_no_change_is_an_error_that_shows_nothing_of_its_contents() {
        check_bogus("", "the frame of 0 bytes is not a JSON object");
        check_bogus(r#"["canary"]"#, "the frame of 10 bytes is not a JSON object");
        check_bogus(r#""canary""#, "the frame of 8 bytes is not a JSON object");
        check_bogus("{}", "the frame names no instance in changedResourceId");
        check_bogus(
            r#"{"changedResourceId":"web-0"}"#,
            "the frame names no instance in changedResourceId",
        );
        check_bogus(
            r#"{"changeKind":{"resource":"server"}}"#,
            "the frame is about a resource called \"server\", not vm",
        );
    }
}
