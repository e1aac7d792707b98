//! The grammar of `triton.cns.services` (Container Name Service, "Service naming").

/// Why a value is no list of services; `Ok` when it is one.
///
/// `svc ("," svc)*`, each `label [":" port] (":" key "=" value)*` with the keys `port`, `priority` and `weight`.
pub(crate) fn check_services(value: &str) -> Result<(), String> {
    value.split(',').try_for_each(|service| {
        let mut parts = service.split(':');
        let name = parts.next().unwrap_or_default();
        if !is_service_name(name) {
            return Err(format!(
                "{name:?} is no service name: a DNS label of letters, digits and dashes"
            ));
        }
        parts.enumerate().try_for_each(|(at, part)| match part.split_once('=') {
            None if at == 0 => number("port", part, 1),
            None => Err(format!("{part:?} is no key=value")),
            Some(("port", port)) => number("port", port, 1),
            Some((key @ ("priority" | "weight"), value)) => number(key, value, 0),
            Some((key, _)) => Err(format!("{key:?} is none of port, priority, weight")),
        })
    })
}

/// Letters, digits and inner dashes, at most 63 of them.
pub(crate) fn is_dns_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// A DNS label, or labels that begin with an underscore as SRV records have them (`_http._tcp`).
fn is_service_name(name: &str) -> bool {
    is_dns_label(name)
        || (name.starts_with('_')
            && name.split('.').all(|label| is_dns_label(label.strip_prefix('_').unwrap_or(label))))
}

fn number(key: &str, text: &str, least: u16) -> Result<(), String> {
    match text.parse::<u16>() {
        Ok(number) if number >= least && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
        _ => Err(format!("{key} is {text:?}, not a number from {least} to 65535")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_with_ports_and_weights_are_read() {
        for value in [
            "ubuntu",
            "web:8080",
            "web:8080,api:9000:weight=5",
            "_http._tcp:80",
            "a:port=80:priority=0",
        ] {
            assert_eq!(check_services(value), Ok(()), "{value}");
        }
    }

    #[test]
    fn what_cns_would_refuse_is_refused() {
        let long = "a".repeat(64);
        for value in [
            "",
            "web,",
            "-web",
            "we b",
            "web:0",
            "web:65536",
            "web:+80",
            "web:80:90",
            "web:color=red",
            &long,
        ] {
            assert!(check_services(value).is_err(), "{value}");
        }
    }
}
