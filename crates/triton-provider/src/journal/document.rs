//! The journal's text, and whether somebody has edited it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Note;

/// How much of the digest the seal shows: it is against hands, not against attackers.
const SEAL_BYTES: usize = 8;

/// What the journal says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Document {
    /// Who writes it.
    pub(super) holder: String,
    /// The creates in flight, by the pod's UID.
    #[serde(default)]
    pub(super) intents: BTreeMap<String, Note>,
    /// There may be others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) in_doubt: bool,
    /// Fits everything else, unless somebody has edited it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    seal: String,
}

// === impl Document ===

impl Document {
    /// One that was lost.
    pub(super) fn doubtful() -> Self {
        Self { in_doubt: true, ..Self::default() }
    }

    /// What a text says, if one of us wrote it as it is.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut document: Self = serde_json::from_str(text).ok()?;
        let seal = std::mem::take(&mut document.seal);
        (seal == seal_of(&document.text())).then_some(document)
    }

    /// Who writes the journal, even if the text was edited.
    pub(super) fn holder_in(text: &str) -> Option<String> {
        serde_json::from_str(text).ok().map(|document: Self| document.holder)
    }

    /// Its text, sealed.
    pub(super) fn write(&self) -> String {
        let bare = Self { seal: String::new(), ..self.clone() };
        Self { seal: seal_of(&bare.text()), ..bare }.text()
    }

    fn text(&self) -> String {
        // Strings, numbers and maps with string keys always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn seal_of(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest[..SEAL_BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_text_that_was_edited_in_any_way_is_not_believed() {
        let note = |second| Note { at: Timestamp::from_second(second).unwrap() };
        let intents = [("a".to_owned(), note(1)), ("b".to_owned(), note(2))].into();
        let document = Document { holder: "me".to_owned(), intents, ..Document::default() };
        let text = document.write();
        assert_eq!(Document::read(&text), Some(document));
        for (from, to) in [("\"a\"", "\"c\""), ("\"me\"", "\"it\""), ("00:00:01", "00:00:03")] {
            let edited = text.replace(from, to);
            assert_ne!(edited, text);
            assert_eq!(Document::read(&edited), None, "{edited}");
        }
        assert_eq!(Document::read(r#"{"holder":"somebody-else","intents":{}}"#), None);
        let doubtful = Document::doubtful();
        assert_eq!(Document::read(&doubtful.write()), Some(doubtful));
    }
}
