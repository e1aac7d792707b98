//! Faults as files and the control API write them, read with errors that say which field is wrong.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{Fault, FaultKind, FaultScope, UnknownFault, nearest};

/// Several faults, each with its time: a chaos script that replays.
///
/// As JSON it is an array, or an object whose `faults` is one:
///
/// ```
/// use triton_sim::FaultScript;
///
/// # fn main() -> Result<(), triton_sim::ScriptError> {
/// let script = FaultScript::from_json(r#"[
///     { "fault": "outage", "at_ms": 10000, "duration_ms": 5000 },
///     { "fault": "429", "endpoint": "CreateMachine", "probability": 0.2 }
/// ]"#)?;
/// assert_eq!(script.faults.len(), 2);
/// let error = FaultScript::from_json(r#"[{ "fault": "outrage" }]"#).unwrap_err();
/// assert_eq!(error.to_string(), r#"reading faults[0]: "outrage" is not a fault; did you mean "outage"?"#);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FaultScript {
    /// What is set, in this order.
    pub faults: Vec<(FaultKind, Fault)>,
}

/// A text is no chaos script. These messages are shown to people as they are, so they tell their causes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// Not JSON.
    #[error("reading faults as JSON: {0}")]
    Json(serde_json::Error),
    /// Neither an array nor an object with `faults`.
    #[error("reading faults: expected an array, or an object with an array named \"faults\"")]
    Shape,
    /// One of the faults.
    #[error("reading faults[{index}]: {error}")]
    Fault {
        /// Which one, from 0.
        index: usize,
        /// What is wrong with it.
        error: FaultError,
    },
}

/// One fault is not what it should be. These messages are shown to people as they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// No such kind.
    #[error(transparent)]
    Unknown(#[from] UnknownFault),
    /// The kind is missing.
    #[error("expected an object that names its \"fault\"")]
    NoKind,
    /// No such field.
    #[error("{field:?} is not a field of a fault{}", nearest(field, FIELDS))]
    UnknownField {
        /// What was written.
        field: String,
    },
    /// A field of the wrong type or out of range.
    #[error("{field} is {found}, and should be {expected}")]
    WrongValue {
        /// Which.
        field: &'static str,
        /// What was written.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// A field that this kind has no use for.
    #[error("{kind} has no use for {field}")]
    Useless {
        /// The kind.
        kind: FaultKind,
        /// The field.
        field: &'static str,
    },
    /// An endpoint that the simulator does not have.
    #[error("endpoint {endpoint:?} is none{}", nearest(endpoint, crate::http::endpoint_names()))]
    UnknownEndpoint {
        /// What was written.
        endpoint: String,
    },
}

const FIELDS: [&str; 10] = [
    "fault",
    "probability",
    "times",
    "after_calls",
    "endpoint",
    "account",
    "at_ms",
    "duration_ms",
    "delay_ms",
    "size",
];

// === impl FaultScript ===

impl FaultScript {
    /// Reads JSON.
    ///
    /// # Errors
    /// [`ScriptError`], which names the field and, for a misspelt name, the nearest one.
    pub fn from_json(text: &str) -> Result<Self, ScriptError> {
        Self::from_value(&serde_json::from_str(text).map_err(ScriptError::Json)?)
    }

    /// Reads a value, wherever it is from: TOML files come this way.
    ///
    /// # Errors
    /// [`ScriptError`], which names the field and, for a misspelt name, the nearest one.
    pub fn from_value(value: &Value) -> Result<Self, ScriptError> {
        let list = match value {
            Value::Object(object) if object.len() == 1 => object.get("faults"),
            other => Some(other),
        };
        let list = list.and_then(Value::as_array).ok_or(ScriptError::Shape)?;
        let read =
            |(index, entry)| read_named(entry).map_err(|error| ScriptError::Fault { index, error });
        Ok(Self { faults: list.iter().enumerate().map(read).collect::<Result<_, _>>()? })
    }
}

fn read_named(entry: &Value) -> Result<(FaultKind, Fault), FaultError> {
    let object = entry.as_object().ok_or(FaultError::NoKind)?;
    let name = object.get("fault").and_then(Value::as_str).ok_or(FaultError::NoKind)?;
    let kind = name.parse()?;
    Ok((kind, read_fault(kind, object)?))
}

/// Reads the fields of one fault; `fault`, its name, may be among them.
///
/// # Errors
/// [`FaultError`].
pub(crate) fn read_fault(
    kind: FaultKind,
    object: &Map<String, Value>,
) -> Result<Fault, FaultError> {
    // `struck` is what the control API adds when it shows faults: what was shown can be set again.
    let is_known = |field: &str| FIELDS.contains(&field) || field == "struck";
    if let Some(field) = object.keys().find(|field| !is_known(field)) {
        return Err(FaultError::UnknownField { field: field.clone() });
    }
    let millis = |field| number(object, field, "a number of milliseconds");
    let fault = Fault {
        probability: probability(object)?,
        times: small_number(object, "times")?,
        after_calls: small_number(object, "after_calls")?.unwrap_or(0),
        endpoint: text(object, "endpoint")?,
        account: text(object, "account")?,
        at: millis("at_ms")?.map(Duration::from_millis),
        duration: millis("duration_ms")?.map(Duration::from_millis),
        delay: millis("delay_ms")?.map(Duration::from_millis),
        size: number(object, "size", "a number")?,
    };
    check_use(kind, &fault)?;
    Ok(fault)
}

/// A field that would be ignored is a mistake that its author should hear of.
fn check_use(kind: FaultKind, fault: &Fault) -> Result<(), FaultError> {
    let entry = kind.entry();
    let has_endpoint = !matches!(entry.scope, FaultScope::Connection | FaultScope::Feed);
    let has_account = entry.scope != FaultScope::Connection;
    for (field, is_set, is_used) in [
        ("endpoint", fault.endpoint.is_some(), has_endpoint),
        ("account", fault.account.is_some(), has_account),
        ("delay_ms", fault.delay.is_some(), entry.delay.is_some()),
        ("size", fault.size.is_some(), entry.size.is_some()),
    ] {
        if is_set && !is_used {
            return Err(FaultError::Useless { kind, field });
        }
    }
    match &fault.endpoint {
        Some(endpoint)
            if crate::http::endpoint_names().all(|name| !name.eq_ignore_ascii_case(endpoint)) =>
        {
            Err(FaultError::UnknownEndpoint { endpoint: endpoint.clone() })
        }
        _ => Ok(()),
    }
}

fn get<'a>(object: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
    object.get(field).filter(|value| !value.is_null())
}

fn wrong(field: &'static str, found: &Value, expected: &'static str) -> FaultError {
    FaultError::WrongValue { field, found: found.to_string(), expected }
}

fn probability(object: &Map<String, Value>) -> Result<f64, FaultError> {
    let Some(value) = get(object, "probability") else { return Ok(1.0) };
    let number = value.as_f64().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| wrong("probability", value, "a number from 0 to 1"))
}

fn number(
    object: &Map<String, Value>,
    field: &'static str,
    expected: &'static str,
) -> Result<Option<u64>, FaultError> {
    let Some(value) = get(object, field) else { return Ok(None) };
    value.as_u64().map(Some).ok_or_else(|| wrong(field, value, expected))
}

fn small_number(
    object: &Map<String, Value>,
    field: &'static str,
) -> Result<Option<u32>, FaultError> {
    let Some(value) = get(object, field) else { return Ok(None) };
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number.map(Some).ok_or_else(|| wrong(field, value, "a whole number"))
}

fn text(object: &Map<String, Value>, field: &'static str) -> Result<Option<String>, FaultError> {
    let Some(value) = get(object, field) else { return Ok(None) };
    value.as_str().map(|text| Some(text.to_owned())).ok_or_else(|| wrong(field, value, "a text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_error(fault: &str, expected: &str) {
        let error = FaultScript::from_json(&format!("[{{}}, {fault}]").replace("{}, ", ""));
        assert_eq!(error.unwrap_err().to_string(), format!("reading faults[0]: {expected}"));
    }

    #[test]
    fn errors_name_the_field_and_the_nearest_name() {
        check_error("7", "expected an object that names its \"fault\"");
        check_error(r#"{"fault": "slo"}"#, "\"slo\" is not a fault; did you mean \"slow\"?");
        check_error(
            r#"{"fault": "500", "tines": 1}"#,
            "\"tines\" is not a field of a fault; did you mean \"times\"?",
        );
        check_error(
            r#"{"fault": "500", "probability": 1.5}"#,
            "probability is 1.5, and should be a number from 0 to 1",
        );
        check_error(
            r#"{"fault": "500", "times": -1}"#,
            "times is -1, and should be a whole number",
        );
        check_error(
            r#"{"fault": "slow", "delay_ms": "5s"}"#,
            "delay_ms is \"5s\", and should be a number of milliseconds",
        );
        check_error(r#"{"fault": "500", "delay_ms": 5}"#, "500 has no use for delay_ms");
        check_error(
            r#"{"fault": "connect-refused", "account": "a"}"#,
            "connect-refused has no use for account",
        );
        check_error(
            r#"{"fault": "500", "endpoint": "ListMachine"}"#,
            "endpoint \"ListMachine\" is none; did you mean \"ListMachines\"?",
        );
        for (text, expected) in [("[", "as JSON"), ("{}", "expected an array")] {
            let error = FaultScript::from_json(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn every_field_is_read_and_what_is_shown_can_be_set_again() {
        let text = r#"{"faults": [{
            "fault": "stale-reads", "probability": 0.25, "times": 2, "after_calls": 3,
            "endpoint": "listmachines", "account": "jill", "at_ms": 4, "duration_ms": 5, "delay_ms": 6
        }]}"#;
        let script = FaultScript::from_json(text).unwrap();
        let millis = Duration::from_millis;
        let expected = Fault::default()
            .probability(0.25)
            .times(2)
            .after_calls(3)
            .endpoint("listmachines")
            .account("jill")
            .at(millis(4))
            .duration(millis(5))
            .delay(millis(6));
        assert_eq!(script.faults, [(FaultKind::StaleReads, expected.clone())]);
        let mut shown = serde_json::to_value(&expected).unwrap();
        shown["struck"] = 7.into();
        let again = read_fault(FaultKind::StaleReads, shown.as_object().unwrap());
        assert_eq!(again, Ok(expected));
    }
}
