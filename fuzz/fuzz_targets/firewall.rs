//! The language of firewall rules.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| triton_sim::fuzzing::firewall_rule(text));
