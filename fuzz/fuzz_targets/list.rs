//! A page of a list.
#![no_main]

#[path = "../../crates/triton-cloudapi/tests/properties/laws.rs"]
#[expect(dead_code, reason = "each target checks one law")]
mod laws;

libfuzzer_sys::fuzz_target!(|input: &[u8]| laws::page(input));
