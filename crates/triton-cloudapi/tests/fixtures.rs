//! Answers as servers send them, from `fixtures/cloudapi`, read by the client's types.
//!
//! The fixtures belong to the workspace, so this test is not in the package.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;
use triton_cloudapi::changefeed::{Change, FrameError};
use triton_cloudapi::instances::{self, Instance, InstanceState, ListInstances};
use triton_cloudapi::{Answer, ApiError, ErrorCode, Page};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/cloudapi")
}

fn read(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Names of the files in a folder of the fixtures.
fn names(of: &str) -> Vec<String> {
    let files = fs::read_dir(folder().join(of)).unwrap();
    let mut names: Vec<String> =
        files.map(|file| format!("{of}/{}", file.unwrap().file_name().to_str().unwrap())).collect();
    names.sort();
    assert!(!names.is_empty());
    names
}

/// A page of instances, read as ListMachines' answer.
fn page(body: &str) -> Page<Instance> {
    let request = instances::list(&ListInstances::default()).unwrap();
    let answer =
        Answer { status: StatusCode::OK, headers: &HeaderMap::new(), body: body.as_bytes() };
    request.read(&answer).unwrap()
}

/// An instance, read as one of a page.
#[track_caller]
fn instance(name: &str) -> Instance {
    let mut page = page(&format!("[{}]", read(name)));
    assert!(page.odd.is_empty(), "{name}: {:?}", page.odd);
    page.items.remove(0)
}

/// An error, read from a whole answer.
#[track_caller]
fn error(name: &str) -> ApiError {
    let text = read(&format!("errors/{name}.http"));
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        let name: HeaderName = name.parse().unwrap();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    let status = StatusCode::from_bytes(status.as_bytes()).unwrap();
    ApiError::from_answer(&Answer { status, headers: &headers, body: body.as_bytes() })
}

#[test]
fn every_file_says_where_it_is_from_and_every_line_has_its_file() {
    let table = read("README.md");
    let told: BTreeSet<String> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|line| line.split('`').next().unwrap().to_owned())
        .collect();
    let without_source =
        table.lines().filter(|line| line.starts_with("| `") && line.ends_with("|  |"));
    assert_eq!(without_source.count(), 0);
    let folders = fs::read_dir(folder()).unwrap().map(Result::unwrap);
    let there: BTreeSet<String> = folders
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .flat_map(|entry| names(entry.file_name().to_str().unwrap()))
        .collect();
    assert_eq!(there, told);
}

#[test]
fn every_kind_of_instance_is_read() {
    for name in names("machines") {
        instance(&name);
    }
    let lx = instance("machines/lx.json");
    assert_eq!((lx.name.as_str(), lx.brand.as_str()), ("web-0", "lx"));
    assert_eq!((lx.memory_mib, lx.nics.len()), (Some(1024), 2));
    assert_eq!(lx.networks.len(), 2);
    assert_eq!(instance("machines/deleted.json").state, InstanceState::Deleted);
    assert_eq!(instance("machines/failed.json").state, InstanceState::Failed);
    let new = instance("machines/provisioning.json");
    assert_eq!((new.state, new.ips.len(), new.nics.len()), (InstanceState::Provisioning, 0, 0));
}

#[test]
fn odd_instances_are_instances() {
    for name in names("odd-machines") {
        instance(&name);
    }
    assert_eq!(instance("odd-machines/memory-null.json").memory_mib, None);
    assert_eq!(instance("odd-machines/no-image.json").image, None);
    assert_eq!(instance("odd-machines/network-null.json").networks.len(), 1);
    let strange = instance("odd-machines/state-and-brand-of-tomorrow.json");
    assert_eq!((strange.state.as_str(), strange.brand.as_str()), ("hibernating", "firecracker"));
    assert!(!format!("{:?}", instance("odd-machines/credentials.json")).contains("not-a-real"));
}

#[test]
fn one_stranger_in_a_list_hides_nobody() {
    let all = page(&read("lists/machines.json"));
    assert!(all.odd.is_empty(), "{:?}", all.odd);
    assert_eq!(all.items.len(), names("machines").len() + names("odd-machines").len());
    let mixed = page(&read("lists/machines-with-strangers.json"));
    assert_eq!((mixed.items.len(), mixed.odd.len()), (2, 5));
    assert!(page(&read("lists/empty.json")).is_empty());
}

#[test]
fn every_error_keeps_its_status_and_says_something() {
    for name in names("errors") {
        let name = name.strip_prefix("errors/").unwrap().strip_suffix(".http").unwrap();
        let error = error(name);
        assert!((400..600).contains(&error.status), "{name}");
        assert!(!error.to_string().is_empty(), "{name}");
    }
}

#[track_caller]
fn check_error(name: &str, status: u16, code: ErrorCode) {
    let error = error(name);
    assert_eq!((error.status, error.code), (status, code), "{name}");
}

#[test]
fn errors_are_known_by_their_codes() {
    check_error("not-found", 404, ErrorCode::ResourceNotFound);
    check_error("invalid-credentials", 401, ErrorCode::InvalidCredentials);
    check_error("not-authorized", 403, ErrorCode::NotAuthorized);
    check_error("invalid-argument", 409, ErrorCode::InvalidArgument);
    check_error("missing-parameter", 409, ErrorCode::MissingParameter);
    check_error("unallocated", 409, ErrorCode::UnallocatedVm);
    check_error("no-allocatable-servers", 409, ErrorCode::NoAllocatableServers);
    check_error("cannot-destroy", 409, ErrorCode::CannotDestroyMachine);
    check_error("too-many-requests", 429, ErrorCode::TooManyRequests);
    check_error("internal", 500, ErrorCode::Internal);
    check_error("of-tomorrow", 409, ErrorCode::Other("BrandNewError".to_owned()));
    assert!(error("duplicate-name").is_duplicate_name());
    assert!(error("invalid-header-skew").is_clock_skew());
    assert!(error("request-expired").is_clock_skew());
    assert!(error("too-many-requests").is_throttled());
    assert!(error("gone").is_gone() && error("json-string").is_gone());
    assert_eq!(error("invalid-parameters").errors[0].field, "rule");
    assert!(error("html").message.contains("502 Bad Gateway"));
}

#[test]
fn frames_of_the_changefeed_are_changes() {
    let change = |name: &str| Change::from_frame(&read(&format!("changefeed/{name}.json")));
    let running = change("state").unwrap();
    assert_eq!(running.state, InstanceState::Running);
    assert_eq!(running.published.unwrap().as_millisecond(), 1_767_323_045_678);
    assert_eq!(running.instance.unwrap().package, "");
    assert_eq!(change("created").unwrap().state, InstanceState::Provisioning);
    assert!(change("destroyed").unwrap().is_destroyed());
    assert_eq!(change("shutting-down").unwrap().raw_state, "shutting_down");
    assert!(change("published-number").unwrap().published.is_some());
    assert!(change("no-object").unwrap().instance.is_none());
    assert!(change("object-of-another").unwrap().instance.is_none());
    assert!(matches!(change("other-resource"), Err(FrameError::OtherResource(_))));
    assert!(matches!(change("no-id"), Err(FrameError::NoInstance)));
    let truncated = Change::from_frame(&read("changefeed/truncated.txt"));
    assert!(matches!(truncated, Err(FrameError::NotJson { .. })));
}

#[test]
fn fixtures_are_json_where_they_say_so() {
    for folder in ["machines", "odd-machines", "lists", "changefeed"] {
        for name in names(folder).iter().filter(|name| name.ends_with(".json")) {
            serde_json::from_str::<Value>(&read(name)).unwrap();
        }
    }
}
