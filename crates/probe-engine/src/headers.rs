//! The headers of an HTTP probe: the user's, and those a probe has by itself.

use http::header::{
    ACCEPT, CONNECTION, CONTENT_LENGTH, HOST, TRAILER, TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// What a probe calls itself: the name servers and access logs know from the kubelet.
pub(crate) const AGENT: &str = "kube-probe/1.37";

/// What a lifecycle hook calls itself.
pub(crate) const HOOK_AGENT: &str = "kube-lifecycle/1.37";

/// The headers of one question.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Headers {
    /// The Host to name instead of the one dialled.
    pub(crate) host: Option<Vec<u8>>,
    /// All others.
    pub(crate) others: HeaderMap,
}

/// The headers to send, as `request.go` of the kubelet's probes builds them and Go's client writes them.
///
/// A repeated name is sent twice. An empty User-Agent or Accept is the way to send none. Those that frame the message
/// or the connection are ours alone.
///
/// # Errors
/// The text of a failure, if a name or value cannot stand in a header. Values are not repeated: they may be secret.
pub(crate) fn headers(wanted: &[(String, String)], agent: &'static str) -> Result<Headers, String> {
    let mut others = HeaderMap::new();
    let mut host = None;
    for (name, value) in wanted {
        let name = HeaderName::try_from(name.as_str())
            .map_err(|_| format!("invalid header field name {name:?}"))?;
        let value = HeaderValue::try_from(value.as_bytes())
            .map_err(|_| format!("invalid header field value for {name:?}"))?;
        if name == HOST {
            // The first counts.
            host.get_or_insert_with(|| value.as_bytes().to_vec());
        } else if ![CONNECTION, CONTENT_LENGTH, TRAILER, TRANSFER_ENCODING].contains(&name) {
            others.append(name, value);
        }
    }
    for (name, default) in [(USER_AGENT, agent), (ACCEPT, "*/*")] {
        match others.get(&name) {
            None => {
                others.insert(name, HeaderValue::from_static(default));
            }
            Some(value) if value.is_empty() => {
                others.remove(name);
            }
            Some(_) => {}
        }
    }
    Ok(Headers { host: host.filter(|host| !host.is_empty()), others })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wanted: &[(&str, &str)], host: Option<&str>, others: &[(&str, &str)]) {
        let wanted: Vec<_> = wanted.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        let found = headers(&wanted, AGENT).unwrap();
        assert_eq!(found.host.as_deref(), host.map(str::as_bytes));
        let found: Vec<_> =
            found.others.iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
        assert_eq!(found, others);
    }

    const UA: (&str, &str) = ("user-agent", AGENT);
    const ANY: (&str, &str) = ("accept", "*/*");

    #[test]
    fn a_probe_names_itself_and_takes_anything() {
        check(&[], None, &[UA, ANY]);
    }

    #[test]
    fn the_users_headers_come_first_and_twice_if_given_twice() {
        check(&[("X-A", "1"), ("x-a", "2")], None, &[("x-a", "1"), ("x-a", "2"), UA, ANY]);
    }

    #[test]
    fn an_empty_agent_or_accept_is_not_sent() {
        check(&[("User-Agent", "")], None, &[ANY]);
        check(&[("ACCEPT", "")], None, &[UA]);
    }

    #[test]
    fn an_empty_header_of_another_name_is_sent() {
        check(&[("Accept-Encoding", "")], None, &[("accept-encoding", ""), UA, ANY]);
    }

    #[test]
    fn the_host_is_set_apart() {
        check(&[("HOST", "a.example"), ("host", "b.example")], Some("a.example"), &[UA, ANY]);
        check(&[("Host", "")], None, &[UA, ANY]);
    }

    #[test]
    fn framing_is_not_the_users() {
        check(&[("Content-Length", "5"), ("Transfer-Encoding", "chunked")], None, &[UA, ANY]);
        check(&[("Connection", "keep-alive")], None, &[UA, ANY]);
    }

    #[test]
    fn a_bad_header_is_named_without_its_value() {
        let failed =
            |name: &str, value: &str| headers(&[(name.into(), value.into())], AGENT).unwrap_err();
        assert_eq!(failed("a b", "x"), "invalid header field name \"a b\"");
        assert_eq!(
            failed("authorization", "to\nken"),
            "invalid header field value for \"authorization\""
        );
    }
}
