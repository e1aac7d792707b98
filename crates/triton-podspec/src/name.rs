//! The name of a pod's instance.

/// Longest part taken from the pod's name: with a dash and the digits, 63 characters, CNS's limit for a name.
const POD_NAME_MAX: usize = 50;

/// Digits taken from the pod's UID.
const UID_DIGITS: usize = 12;

/// Name of the instance of a pod: the pod's name, cut and made safe for CNS, and the first 12 hex digits of its UID.
///
/// The same pod always gets the same name, and a later pod of the same name gets another one: the name of a destroyed
/// instance is not free until it is really gone. At most 63 of `[a-z0-9-]`, beginning and ending with a letter or
/// digit (CloudAPI manual, "CreateMachine"; a name outside that would be folded by CNS).
///
/// ```
/// let name = triton_podspec::instance_name("web-0", "6e2b6c2c-41c2-4a38-9c4f-0b1de5c1f3aa");
/// assert_eq!(name, "web-0-6e2b6c2c41c2");
/// ```
#[must_use]
pub fn instance_name(pod_name: &str, uid: &str) -> String {
    let mut safe: String = pod_name
        .chars()
        .take(POD_NAME_MAX)
        .map(
            |letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' },
        )
        .collect();
    safe.truncate(safe.trim_end_matches('-').len());
    let safe = safe.trim_start_matches('-');
    let safe = if safe.is_empty() { "pod" } else { safe };
    let digits: String = uid
        .chars()
        .filter(char::is_ascii_hexdigit)
        .map(|digit| digit.to_ascii_lowercase())
        .take(UID_DIGITS)
        .collect();
    format!("{safe}-{digits:0<UID_DIGITS$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "6E2B6C2C-41c2-4a38-9c4f-0b1de5c1f3aa";

    #[track_caller]
    fn check(pod_name: &str, uid: &str, expected: &str) {
        let name = instance_name(pod_name, uid);
        assert_eq!(name, expected);
        assert!(name.len() <= 63);
    }

    #[test]
    fn every_name_is_safe_for_cns() {
        check("web-0", UID, "web-0-6e2b6c2c41c2");
        check("Web.example_com", UID, "web-example-com-6e2b6c2c41c2");
        check("...", UID, "pod-6e2b6c2c41c2");
        check("", UID, "pod-6e2b6c2c41c2");
        check(&"a".repeat(253), UID, &format!("{}-6e2b6c2c41c2", "a".repeat(50)));
        check(
            &format!("{}.{}", "a".repeat(49), "b".repeat(9)),
            UID,
            &format!("{}-6e2b6c2c41c2", "a".repeat(49)),
        );
    }

    #[test]
    fn a_uid_without_enough_digits_is_filled_up() {
        check("web", "", "web-000000000000");
        check("web", "abc", "web-abc000000000");
    }
}
