//! Families of metrics, each in one piece.
//!
//! Nodes in one process have the same metrics with different labels, and a registry writes what was registered twice in
//! two places. OpenMetrics wants every family once, with all its samples behind its one description.

/// The end of the text.
const END: &str = "# EOF";

/// One family: its description and its samples.
struct Family<'a> {
    name: &'a str,
    description: Vec<&'a str>,
    samples: Vec<&'a str>,
}

/// The same text with every family in one place, in the order of their first lines.
pub(super) fn joined(text: &str) -> String {
    let mut families: Vec<Family<'_>> = Vec::new();
    let mut present: Option<usize> = None;
    for line in text.lines().filter(|line| *line != END) {
        let described = described(line);
        if let Some(name) = described {
            let known = families.iter().position(|family| family.name == name);
            present = Some(known.unwrap_or(families.len()));
            if known.is_none() {
                families.push(Family { name, description: Vec::new(), samples: Vec::new() });
            }
        }
        // A registry writes a description before every sample.
        let Some(family) = present.and_then(|index| families.get_mut(index)) else { continue };
        match described {
            Some(_) if family.description.contains(&line) => {}
            Some(_) => family.description.push(line),
            None => family.samples.push(line),
        }
    }
    let mut joined = String::with_capacity(text.len());
    let lines = families.iter().flat_map(|family| family.description.iter().chain(&family.samples));
    for line in lines.copied().chain([END]) {
        joined.push_str(line);
        joined.push('\n');
    }
    joined
}

/// The family that a line describes: `# HELP NAME …`, `# TYPE NAME …`, `# UNIT NAME …`.
fn described(line: &str) -> Option<&str> {
    let mut words = line.strip_prefix("# ")?.split(' ');
    matches!(words.next()?, "HELP" | "TYPE" | "UNIT").then(|| words.next())?
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use prometheus_client::encoding::text::encode;
    use prometheus_client::metrics::gauge::Gauge;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn two_nodes_share_a_family() {
        let mut registry = Registry::with_prefix("p");
        for (node, value) in [("a", 1), ("b", 2)] {
            let label = (Cow::Borrowed("node"), Cow::Borrowed(node));
            let of_node = registry.sub_registry_with_label(label);
            for name in ["ready", "pods"] {
                let gauge = Gauge::<i64>::default();
                gauge.set(value);
                of_node.register(name, "Help", gauge);
            }
        }
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let expected = "# HELP p_ready Help.\n# TYPE p_ready gauge\np_ready{node=\"a\"} 1\np_ready{node=\"b\"} 2\n\
             # HELP p_pods Help.\n# TYPE p_pods gauge\np_pods{node=\"a\"} 1\np_pods{node=\"b\"} 2\n# EOF\n";
        assert_eq!(joined(&text), expected);
    }

    #[test]
    fn a_text_without_repetition_stays_as_it_is() {
        let text =
            "# HELP a A.\n# TYPE a counter\na_total 1\n# HELP b B.\n# TYPE b gauge\nb 2\n# EOF\n";
        assert_eq!(joined(text), text);
        assert_eq!(joined("# EOF\n"), "# EOF\n");
    }
}
