//! The laws that fuzzing checks, on the fixtures and on what a few strokes make of them.
//!
//! The fixtures belong to the workspace, so this test is not in the package.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod laws;

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// All files in these folders of the fixtures.
fn seeds(folders: &[&str]) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/cloudapi");
    let files = folders.iter().flat_map(|folder| fs::read_dir(root.join(folder)).unwrap());
    let seeds: Vec<Vec<u8>> = files.map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
    assert!(!seeds.is_empty());
    seeds
}

/// One of the seeds, with bytes changed, taken out and put in.
fn mutated(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let stroke = (any::<Index>(), any::<u8>(), 0..4_u8);
    (select(seeds), proptest::collection::vec(stroke, 0..6)).prop_map(|(mut bytes, strokes)| {
        for (index, byte, kind) in strokes {
            let at = index.index(bytes.len() + 1);
            match kind {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 => bytes.insert(at, byte),
                _ => bytes.truncate(at),
            }
        }
        bytes
    })
}

#[track_caller]
fn check(folders: &[&str], law: fn(&[u8])) {
    let seeds = seeds(folders);
    seeds.iter().for_each(|seed| law(seed));
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(bytes in mutated(seeds))| law(&bytes));
}

#[test]
fn whatever_is_in_a_list_comes_out() {
    check(&["lists", "errors"], laws::page);
}

#[test]
fn an_instance_keeps_its_id_and_name() {
    check(&["machines", "odd-machines"], laws::machine);
}

#[test]
fn an_error_keeps_its_status() {
    check(&["errors", "lists"], laws::error);
}

#[test]
fn a_change_names_its_instance() {
    check(&["changefeed"], laws::frame);
}
