//! A fingerprint of everything that both APIs saw: two runs of one seed must have the same.

use crate::history::{Entry, What};

/// FNV-1a, 64 bits: stable across machines and versions, which `DefaultHasher` does not promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(u64);

// === impl Fingerprint ===

impl Fingerprint {
    /// The fingerprint of a history.
    pub(crate) fn of(entries: &[Entry]) -> u64 {
        let mut print = Self(0xcbf2_9ce4_8422_2325);
        for entry in entries {
            print.text(&line(entry));
        }
        print.0
    }

    fn text(&mut self, text: &str) {
        for byte in text.bytes().chain([b'\n']) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// An entry in full, as it counts for the fingerprint.
pub(crate) fn line(entry: &Entry) -> String {
    let what = match &entry.what {
        What::Object(change) => {
            format!("{:?} {} {}", change.kind, change.resource.plural(), change.object)
        }
        What::Call(call) => {
            format!("life {} {} {} -> {:?}", call.life, call.method, call.target, call.status)
        }
        What::Instance(record) => {
            format!("instance {} {} {:?} {:?}", record.id, record.name, record.state, record.tags)
        }
        What::Shown(id, ips) => format!("instance {id} is shown with {ips:?}"),
        What::Life(id, begins) => format!("life {id} {}", if *begins { "begins" } else { "ends" }),
        What::Deed(deed) => deed.clone(),
        What::Calm => "calm".to_owned(),
    };
    format!("{} {what}", entry.at)
}
