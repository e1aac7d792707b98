//! Names that a user may have meant.

/// Names offered.
const NEAREST_MAX: usize = 3;

/// How alike a name must be, from 0 to 1.
const LIKENESS_MIN: f64 = 0.6;

/// The names most like the one that was not found, the nearest first.
pub(super) fn nearest(wanted: &str, names: Vec<String>) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let likeness = |name: &str| {
        let name = name.to_lowercase();
        // An image is called by name alone as often as with its version.
        let bare = name.split('@').next().unwrap_or_default();
        strsim::normalized_damerau_levenshtein(&wanted, &name)
            .max(strsim::normalized_damerau_levenshtein(&wanted, bare))
    };
    let mut likely: Vec<(f64, String)> = names
        .into_iter()
        .map(|name| (likeness(&name), name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .collect();
    likely.sort_by(|(a, a_name), (b, b_name)| b.total_cmp(a).then_with(|| b_name.cmp(a_name)));
    likely.dedup_by(|(_, a), (_, b)| a == b);
    likely.into_iter().take(NEAREST_MAX).map(|(_, name)| name).collect()
}

/// The end of a sentence about something that is not there.
pub(super) fn sentence(nearest: &[String]) -> String {
    match nearest {
        [] => String::new(),
        names => format!("; nearest: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_most_alike_comes_first_and_the_rest_not_at_all() {
        let names = ["ubuntu-22.04@1", "ubuntu-24.04@2", "ubuntu-24.04@1", "windows@1"];
        let names = names.map(str::to_owned).to_vec();
        assert_eq!(
            nearest("ubunut-24.04", names.clone()),
            ["ubuntu-24.04@2", "ubuntu-24.04@1", "ubuntu-22.04@1"]
        );
        assert!(nearest("x", names).is_empty());
        assert_eq!(
            (sentence(&[]), sentence(&["a".into()])),
            (String::new(), "; nearest: a".into())
        );
    }
}
