//! The known name that an unknown one was probably meant to be.

/// The most similar of `known`, if it is similar enough to be worth saying.
pub(crate) fn nearest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(found, name), *name))
        .min()
        .filter(|(distance, name)| *distance <= name.len().max(found.len()) / 2)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let known = ["networks", "package", "pods"];
        assert_eq!(nearest("network", &known), Some("networks"));
        assert_eq!(nearest("pacakge", &known), Some("package"));
        assert_eq!(nearest("zzzzzz", &known), None);
    }
}
