//! Which names were probably meant by a name that is not there.

/// Names offered at most.
const OFFERED: usize = 3;

/// Letters of a name that are compared.
const COMPARED: usize = 64;

/// The names that resemble `wanted` most, best first, at most three, each once; none when nothing is near.
pub(crate) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let tolerance = (wanted.chars().count().min(COMPARED) / 2).clamp(1, 8);
    let folded = wanted.to_lowercase();
    let mut near: Vec<(usize, &str)> = names
        .into_iter()
        .filter_map(|name| {
            let candidate = name.to_lowercase();
            // A part of the name ("debian" for "debian-12") is nearer than any misspelling.
            let distance = if !folded.is_empty() && candidate.contains(&folded) {
                0
            } else {
                distance(&folded, &candidate)
            };
            (distance <= tolerance).then_some((distance, name))
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(OFFERED).map(|(_, name)| name).collect()
}

/// `; did you mean "a", "b" or "c"?`, or nothing.
pub(crate) fn did_you_mean<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> =
        nearest(wanted, names).into_iter().map(|name| format!("{name:?}")).collect();
    match names.split_last() {
        None => String::new(),
        Some((only, [])) => format!("; did you mean {only}?"),
        Some((last, others)) => format!("; did you mean {} or {last}?", others.join(", ")),
    }
}

/// `; did you mean "a"?`, or else which command lists the names: ``; see `triton image list` ``.
pub(crate) fn hint<'a>(
    wanted: &str,
    names: impl IntoIterator<Item = &'a str>,
    command: &str,
) -> String {
    let meant = did_you_mean(wanted, names);
    if meant.is_empty() { format!("; see `{command}`") } else { meant }
}

/// Insertions, deletions and replacements that lead from one text to the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(COMPARED).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (before, a) in left.chars().take(COMPARED).enumerate() {
        let mut diagonal = before;
        row[0] = before + 1;
        for (at, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (left, right, expected) in
            [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2)]
        {
            assert_eq!(distance(left, right), expected, "{left} {right}");
            assert_eq!(distance(right, left), expected, "{right} {left}");
        }
    }

    #[test]
    fn a_misspelling_and_a_part_find_the_name() {
        let names = ["g4-small", "g4-large", "kvm-1G", "g4-small"];
        assert_eq!(nearest("g4-smal", names)[0], "g4-small");
        assert_eq!(nearest("small", names), ["g4-small"]);
        assert!(nearest("completely-different", names).is_empty());
        assert_eq!(did_you_mean("g4-smalll", ["g4-small"]), "; did you mean \"g4-small\"?");
        assert_eq!(did_you_mean("zzz", ["g4-small"]), "");
    }
}
