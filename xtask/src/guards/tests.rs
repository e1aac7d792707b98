//! The lists agree with the code and with their page.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::*;

fn read(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All Rust files under a folder, one after the other.
fn source(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &source(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(path).unwrap();
        }
    }
    text
}

#[test]
fn every_guard_is_once_in_its_file_and_not_in_its_tests() {
    for guard in list::read(&workspace()).unwrap().iter().flat_map(|chapter| &chapter.guards) {
        let text = read(&guard.file);
        let name = &guard.name;
        assert_eq!(text.matches(&guard.text).count(), 1, "{name}, in {}", guard.file);
        let at = text.find(&guard.text).unwrap_or_default();
        let tests = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
        assert!(at < tests, "{name} is a test");
        assert_ne!(guard.text, guard.without, "{name}");
    }
}

#[test]
fn every_guard_has_a_name_of_its_own_and_is_held_by_tests_that_there_are() {
    let mut names = BTreeSet::new();
    for guard in list::read(&workspace()).unwrap().iter().flat_map(|chapter| &chapter.guards) {
        assert!(names.insert(guard.name.clone()), "{} is there twice", guard.name);
        assert!(!guard.held_by.is_empty(), "nothing holds {}", guard.name);
        let crate_folder = guard.file.split("/src/").next().unwrap();
        let source = source(&workspace().join(crate_folder));
        for test in &guard.held_by {
            assert!(source.contains(&format!("fn {test}(")), "{}: no test {test}", guard.name);
        }
    }
}

#[test]
fn the_page_shows_the_lists() {
    let table = page::table(&list::read(&workspace()).unwrap());
    let page = read("docs/reliability/guards.md");
    assert!(
        page.contains(table.trim_end()),
        "docs/reliability/guards.md is behind: `cargo xtask guards --markdown` prints its table"
    );
}

#[track_caller]
fn check(held_by: &[&str], came: Came, is_held: bool) {
    let guard = Guard {
        name: String::new(),
        file: String::new(),
        text: String::new(),
        without: String::new(),
        suite: Suite { package: String::new(), target: None, tests: Vec::new() },
        held_by: held_by.iter().map(|&test| test.to_owned()).collect(),
    };
    assert_eq!(judge(&guard, &came).is_ok(), is_held, "{came:?}");
}

#[test]
fn a_guard_is_held_when_the_tests_that_are_named_fail_and_by_nothing_else() {
    let ran = |failed: &[&str]| Came::Ran {
        failed: failed.iter().map(|&test| test.to_owned()).collect(),
        passed: 1,
    };
    check(&["a"], ran(&["m::a"]), true);
    check(&["a"], ran(&["a", "b"]), true);
    check(&["a"], ran(&["m::aa"]), false);
    check(&["a", "b"], ran(&["a"]), false);
    check(&[], ran(&[]), false);
    check(&["a"], Came::NotBuilt(String::new()), false);
    check(&["a"], Came::Odd(String::new()), false);
}
