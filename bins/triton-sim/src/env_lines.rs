//! The shell lines that point clients at the simulator.

/// Lines for `eval` or `source`: the names that the `triton` CLI, triton-go and vk-triton read.
///
/// The key id is left out when no key was given: then the account is there, but nobody can sign for it.
pub(crate) fn env_lines(
    url: &str,
    account: &str,
    fingerprint: Option<&str>,
    trust: &Trust,
) -> String {
    let mut lines = String::new();
    for prefix in ["TRITON", "SDC"] {
        let mut line = |name: &str, value: &str| {
            lines.push_str(&format!("export {prefix}_{name}={}\n", quote(value)))
        };
        line("URL", url);
        line("ACCOUNT", account);
        if let Some(fingerprint) = fingerprint {
            line("KEY_ID", fingerprint);
        }
    }
    let insecure = u8::from(matches!(trust, Trust::Nobody));
    lines.push_str(&format!("export TRITON_TLS_INSECURE={insecure}\n"));
    match trust {
        Trust::Usual => {}
        Trust::Nobody => lines.push_str("export SDC_TESTING=1\n"),
        Trust::Authority(path) => {
            lines.push_str(&format!("export NODE_EXTRA_CA_CERTS={}\n", quote(path)));
        }
    }
    lines.push_str("unset TRITON_PROFILE TRITON_USER SDC_USER\n");
    lines
}

/// How clients can know whom they talk to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    /// As with anybody else.
    Usual,
    /// By the authority in this file.
    Authority(String),
    /// Not at all.
    Nobody,
}

/// Single quotes, unless the shell would read the text as it is.
fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:/@".contains(c);
    if text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_for_a_shell() {
        let lines = env_lines("http://127.0.0.1:8080", "o'neill", Some("aa:bb"), &Trust::Usual);
        assert!(lines.contains("export TRITON_URL=http://127.0.0.1:8080\n"));
        assert!(lines.contains("export SDC_ACCOUNT='o'\\''neill'\n"));
        assert!(lines.contains("export SDC_KEY_ID=aa:bb\n"));
        assert!(lines.contains("TLS_INSECURE=0\n") && !lines.contains("SDC_TESTING"));
        assert!(!env_lines("u", "a", None, &Trust::Usual).contains("KEY_ID"));
        let lines = env_lines("u", "a", None, &Trust::Authority("/tmp/a b".to_owned()));
        assert!(lines.contains("NODE_EXTRA_CA_CERTS='/tmp/a b'\n"), "{lines}");
        assert!(env_lines("u", "a", None, &Trust::Nobody).contains("TRITON_TLS_INSECURE=1\n"));
    }
}
