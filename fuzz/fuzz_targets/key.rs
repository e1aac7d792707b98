//! A key's text, public or private, or a fingerprint's.
#![no_main]

#[path = "../../crates/triton-signature/tests/properties/laws.rs"]
#[expect(dead_code, reason = "each target checks one law")]
mod laws;

libfuzzer_sys::fuzz_target!(|input: &[u8]| laws::key(input));
