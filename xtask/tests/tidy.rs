//! House rules that a machine can hold.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// Longest a source file may be; tests in a file of their own may be longer.
const MOST_LINES: usize = 450;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Files with that ending, in the workspace's own folders.
fn files(extension: &str) -> Vec<PathBuf> {
    fn collect(dir: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with('.') && name != "target" && name != "node_modules" {
                    collect(&path, extension, found);
                }
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    collect(&workspace(), extension, &mut found);
    found.sort();
    assert!(!found.is_empty() || extension == "md");
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(workspace()).unwrap_or(path).display().to_string()
}

fn is_tests_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tests.rs")
        || path
            .components()
            .any(|part| part.as_os_str() == "tests" || part.as_os_str() == "benches")
}

/// The part of a source file that is tests.
fn tests_of<'a>(path: &Path, text: &'a str) -> &'a str {
    if is_tests_file(path) {
        return text;
    }
    text.find("#[cfg(test)]").map_or("", |at| &text[at..])
}

/// Lines of a `lib.rs` that do more than list modules and re-export.
fn deciding_lines(text: &str) -> Vec<&str> {
    let mut open_until: Option<char> = None;
    let mut deciding = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(end) = open_until {
            if line.ends_with(end) {
                open_until = None;
            }
            continue;
        }
        let is_list =
            ["mod ", "pub mod ", "pub(crate) mod ", "use ", "pub use ", "pub(crate) use "]
                .iter()
                .any(|start| line.starts_with(start));
        let is_attribute = line.starts_with("#[") || line.starts_with("#!");
        if line.is_empty() || line.starts_with("//") {
            continue;
        } else if is_list {
            open_until = (!line.ends_with(';')).then_some(';');
        } else if is_attribute {
            open_until = (!line.contains(']')).then_some(']');
        } else {
            deciding.push(line);
        }
    }
    deciding
}

#[test]
fn a_lib_rs_lists_modules_and_decides_nothing() {
    for path in files("rs").iter().filter(|path| path.ends_with("src/lib.rs")) {
        let text = fs::read_to_string(path).unwrap();
        assert_eq!(deciding_lines(&text), Vec::<&str>::new(), "{}", shown(path));
    }
}

#[test]
fn deciding_lines_are_recognised() {
    assert_eq!(
        deciding_lines("//! Doc.\n#![warn(x)]\nmod a;\npub use a::{\n    B,\n    C,\n};\n"),
        Vec::<&str>::new()
    );
    assert_eq!(deciding_lines("mod a;\npub fn f() {}\n"), ["pub fn f() {}"]);
    assert_eq!(deciding_lines("mod tests {"), Vec::<&str>::new());
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    for path in files("rs").iter().filter(|path| !is_tests_file(path)) {
        let lines = fs::read_to_string(path).unwrap().lines().count();
        assert!(lines <= MOST_LINES, "{} has {lines} lines, more than {MOST_LINES}", shown(path));
    }
}

#[test]
fn every_file_says_what_it_is() {
    for path in files("rs").iter().filter(|path| !is_tests_file(path)) {
        let text = fs::read_to_string(path).unwrap();
        // A front page may be the README.
        let says = text.starts_with("//!") || text.starts_with("#![doc");
        assert!(says, "{} does not begin with a //! line", shown(path));
    }
}

#[test]
fn no_test_is_ignored_and_none_really_sleeps() {
    // In pieces, so that this file does not find itself.
    let (ignored, sleeps, paused) =
        (["#[", "ignore"].concat(), ["sleep", "("].concat(), ["start_", "paused"].concat());
    for path in files("rs") {
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&ignored), "{} ignores a test", shown(&path));
        // What measures does so for a while.
        if path.components().any(|part| part.as_os_str() == "benches") {
            continue;
        }
        let tests = tests_of(&path, &text);
        assert!(
            !tests.contains(&sleeps) || tests.contains(&paused),
            "{} sleeps in a test",
            shown(&path)
        );
    }
}

/// Targets of `[text](target)` outside code blocks.
fn links(markdown: &str) -> Vec<&str> {
    let mut in_code = false;
    let mut found = Vec::new();
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            let target = &line[at + 2..];
            found.extend(target.find(')').map(|end| &target[..end]));
        }
    }
    found
}

#[test]
fn relative_links_lead_somewhere() {
    for path in files("md") {
        let text = fs::read_to_string(&path).unwrap();
        for link in links(&text) {
            let target = link.split(['#', ' ']).next().unwrap_or_default();
            if target.is_empty() || target.contains(':') {
                continue;
            }
            let leads_to = path.parent().unwrap().join(target);
            assert!(leads_to.exists(), "{} links to {target}, which is not there", shown(&path));
        }
    }
}

#[test]
fn links_are_found_outside_code_only() {
    assert_eq!(links("a [b](c.md#d) [e](f)\n```\n[g](h)\n```\n[i](j)"), ["c.md#d", "f", "j"]);
}
