use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

fn seeds(folder: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/cloudapi").join(folder);
    let files = fs::read_dir(root).unwrap();
    let seeds: Vec<String> =
        files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    assert!(!seeds.is_empty());
    seeds.iter().map(|seed| seed.trim_end_matches('\n').to_owned()).collect()
}

/// One of the seeds, with words doubled, taken out and exchanged.
fn shuffled(seeds: Vec<String>) -> impl Strategy<Value = String> {
    let stroke = (any::<Index>(), any::<Index>(), any::<char>(), 0..4_u8);
    (select(seeds), proptest::collection::vec(stroke, 0..6)).prop_map(|(seed, strokes)| {
        let mut words: Vec<String> = seed.split_inclusive(' ').map(str::to_owned).collect();
        for (one, other, letter, kind) in strokes {
            let one = one.index(words.len());
            let other = other.index(words.len());
            match kind {
                0 => words.swap(one, other),
                1 => words.insert(one, words[other].clone()),
                2 if words.len() > 1 => drop(words.remove(one)),
                _ => words[one].insert(0, letter),
            }
        }
        words.concat()
    })
}

#[track_caller]
fn check(folder: &str, law: fn(&str)) {
    let seeds = seeds(folder);
    seeds.iter().for_each(|seed| law(seed));
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(text in shuffled(seeds))| law(&text));
}

#[test]
fn a_firewall_rule_reads_as_it_prints() {
    check("firewall", firewall_rule);
}

#[test]
fn an_affinity_rule_has_a_key_and_an_operator() {
    check("affinity", affinity_rule);
}
