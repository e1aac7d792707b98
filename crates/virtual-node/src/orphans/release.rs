//! An operator's word that what is held back may go: written on the Node, good for once.

use std::collections::BTreeSet;

use crate::provider::Held;

/// What an operator lets go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// At most this many, the oldest first.
    UpTo(usize),
    /// These and no others: pods as `NAMESPACE/NAME`, or their UIDs.
    Named(BTreeSet<String>),
}

/// Not a release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither a number above 0 nor a list of pods as NAMESPACE/NAME or UID, with commas between them"
)]
pub struct ReleaseError(String);

// === impl Release ===

impl Release {
    /// Applies the release to what is held back.
    #[must_use]
    pub fn choose(&self, held_back: &[Held]) -> Vec<Held> {
        let mut chosen = held_back.to_vec();
        match self {
            Self::UpTo(most) => {
                chosen.sort_by(|one, other| {
                    // What tells no age comes last.
                    let age = |held: &Held| (held.since.is_none(), held.since);
                    age(one).cmp(&age(other)).then_with(|| one.key.cmp(&other.key))
                });
                chosen.truncate(*most);
            }
            Self::Named(names) => chosen.retain(|held| {
                let key = &held.key;
                names.contains(&key.uid)
                    || names.contains(&format!("{}/{}", key.namespace, key.name))
            }),
        }
        chosen
    }
}

impl std::str::FromStr for Release {
    type Err = ReleaseError;

    /// Strict: what cannot be understood lets nothing go. There is no word for "all": whoever lets things go knows how
    /// many they are.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ReleaseError(text.to_owned());
        let words: BTreeSet<String> = text.split(',').map(|word| word.trim().to_owned()).collect();
        if let Some(word) = words.first().filter(|_| words.len() == 1)
            && word.bytes().all(|byte| byte.is_ascii_digit())
        {
            return match word.parse() {
                Ok(most) if most > 0 => Ok(Self::UpTo(most)),
                _ => Err(wrong()),
            };
        }
        let is_name = |word: &String| {
            let uid = word.len() == 36 && word.bytes().filter(|byte| *byte == b'-').count() == 4;
            let named = word.split_once('/').is_some_and(|(namespace, name)| {
                !namespace.is_empty() && !name.is_empty() && !name.contains('/')
            });
            uid || named
        };
        if words.iter().all(is_name) { Ok(Self::Named(words)) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::provider::PodKey;

    const UID: &str = "6e2b6c2c-41c2-4a38-9c4f-0b1de5c1f3aa";

    fn held(name: &str, uid: &str, since: Option<i64>) -> Held {
        Held {
            key: PodKey {
                namespace: "shop".to_owned(),
                name: name.to_owned(),
                uid: uid.to_owned(),
            },
            since: since.map(|second| Timestamp::from_second(second).unwrap()),
            describe: String::new(),
        }
    }

    /// The names that `text` lets go, in order.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let all =
            [held("b", UID, Some(20)), held("web", "u2", None), held("web-1", "u3", Some(10))];
        let chosen = text.parse::<Release>().unwrap().choose(&all);
        let names: Vec<&str> = chosen.iter().map(|held| held.key.name.as_str()).collect();
        assert_eq!(names, expected, "{text}");
    }

    #[test]
    fn a_number_lets_the_oldest_go_and_no_more() {
        check("1", &["web-1"]);
        check(" 2 ", &["web-1", "b"]);
        check("99", &["web-1", "b", "web"]);
    }

    #[test]
    fn a_name_lets_go_what_has_exactly_that_name() {
        check("shop/web", &["web"]);
        check(UID, &["b"]);
        check(&format!("shop/web-1, {UID}"), &["b", "web-1"]);
        check("other/web", &[]);
    }

    #[test]
    fn what_is_not_understood_lets_nothing_go() {
        for text in [
            "",
            "0",
            "all",
            "*",
            "-1",
            "1.5",
            "web",
            "shop/",
            "/web",
            "shop/web,",
            "2,3",
            "5,shop/web",
        ] {
            assert_eq!(text.parse::<Release>(), Err(ReleaseError(text.to_owned())), "{text}");
        }
        assert!("99999999999999999999999".parse::<Release>().is_err());
    }
}
