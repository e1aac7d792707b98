//! Names of instances.

use crate::refusal::Refusal;

/// Longer names do not fit where VMAPI keeps them.
pub(crate) const LENGTH_MAX: usize = 189;
/// A name is a DNS label when the account has CNS enabled.
const LENGTH_MAX_CNS: usize = 63;

/// CloudAPI's own look at a name, before VMAPI's.
///
/// # Errors
/// 409 InvalidArgument for a name that is too long for a DNS label, when it has to be one.
pub(crate) fn check_dns_length(name: &str, cns_enabled: bool) -> Result<(), Refusal> {
    if cns_enabled && name.len() > LENGTH_MAX_CNS {
        return Err(Refusal::invalid_argument(
            "Name cannot be longer than 63 characters, because you have triton_cns_enabled set on your Account.",
        ));
    }
    Ok(())
}

/// Checks `/^[a-zA-Z0-9][a-zA-Z0-9\_\.\-]*$/` and the length.
///
/// # Errors
/// 409 ValidationFailed with `errors[0].code` `Invalid`.
pub(crate) fn check_name(name: &str, cns_enabled: bool) -> Result<(), Refusal> {
    let length_max = if cns_enabled { LENGTH_MAX_CNS } else { LENGTH_MAX };
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !starts_well || !has_only_name_characters(name) || name.len() > length_max {
        return Err(Refusal::validation("alias", "Invalid", "Invalid machine name"));
    }
    Ok(())
}

/// Whether a name filter could match any name.
pub(crate) fn has_only_name_characters(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// What a second instance of the same name is told.
pub(crate) fn duplicate() -> Refusal {
    Refusal::validation("alias", "Duplicate", "Already exists for this owner_uuid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, cns_enabled: bool, good: bool) {
        assert_eq!(check_name(name, cns_enabled).is_ok(), good, "{name}");
    }

    #[test]
    fn names_start_with_a_letter_or_digit() {
        check("web-0", false, true);
        check("0.web_1", false, true);
        check("-web", false, false);
        check("", false, false);
        check("web/0", false, false);
        check("wéb", false, false);
        check(&"a".repeat(189), false, true);
        check(&"a".repeat(190), false, false);
    }

    #[test]
    fn cns_shortens_names() {
        check(&"a".repeat(63), true, true);
        check(&"a".repeat(64), true, false);
    }
}
