//! The language of affinity rules.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| triton_sim::fuzzing::affinity_rule(text));
