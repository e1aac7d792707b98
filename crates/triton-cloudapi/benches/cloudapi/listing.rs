//! A listing of 10 000 instances: our types against `serde_json::Value`, same bytes.

use std::alloc::System;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use stats_alloc::{Region, StatsAlloc};
use triton_cloudapi::Answer;
use triton_cloudapi::instances::{self, ListInstances};

use crate::cpu::used_here;
use crate::median;

const PAGES: usize = 10;
const PER_PAGE: usize = 1000;
const ROUNDS: usize = 7;

pub(crate) fn measure(allocator: &'static StatsAlloc<System>) {
    let pages: Vec<Vec<u8>> = (0..PAGES).map(page).collect();
    let bytes: usize = pages.iter().map(Vec::len).sum();
    let count = PAGES * PER_PAGE;
    let request = instances::list(&ListInstances::default()).unwrap();
    let headers = HeaderMap::new();
    let ours = || -> Vec<_> {
        let read = |page: &Vec<u8>| {
            request.read(&Answer { status: StatusCode::OK, headers: &headers, body: page }).unwrap()
        };
        pages.iter().map(read).collect()
    };
    let values = || -> Vec<Value> {
        pages.iter().map(|page| serde_json::from_slice(page).unwrap()).collect()
    };

    let (mut our_times, mut value_times) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let begun = used_here();
        drop(std::hint::black_box(values()));
        let between = used_here();
        drop(std::hint::black_box(ours()));
        if round > 0 {
            value_times.push(millis(between - begun));
            our_times.push(millis(used_here() - between));
        }
    }
    let ratios = our_times.iter().zip(&value_times).map(|(ours, value)| ours / value);
    let ratio = median(ratios.collect());
    let (ours_held, instances) = held(allocator, ours);
    let parsed: usize = instances.iter().map(|page| page.items.len()).sum();
    assert_eq!(parsed, count, "an instance that is left out costs nothing");
    drop(instances);
    let (values_held, _) = held(allocator, values);
    println!(
        "listing of {count} instances ({:.1} MB), median of {ROUNDS} rounds: {:.1} ms, \
         serde_json::Value {:.1} ms; ratio {ratio:.2}",
        bytes as f64 / 1e6,
        median(our_times),
        median(value_times),
    );
    println!(
        "held per instance: {} bytes, serde_json::Value {} bytes, on the wire {} bytes",
        ours_held / count,
        values_held / count,
        bytes / count,
    );
}

/// Bytes on the heap that a result holds, with the result.
fn held<T>(allocator: &'static StatsAlloc<System>, make: impl FnOnce() -> T) -> (usize, T) {
    let region = Region::new(allocator);
    let made = make();
    let change = region.change();
    (change.bytes_allocated - change.bytes_deallocated, made)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A page as CloudAPI writes it, each instance different where instances differ.
fn page(number: usize) -> Vec<u8> {
    let machines: Vec<Value> = (0..PER_PAGE).map(|at| machine(number * PER_PAGE + at)).collect();
    serde_json::to_vec(&machines).unwrap()
}

fn machine(n: usize) -> Value {
    let net = "a0ae9499-b476-4fef-9861-d0c25029378d";
    let ip = format!("10.{}.{}.{}", n >> 16, (n >> 8) & 255, n & 255);
    json!({
        "id": format!("00000000-0000-4000-8000-{n:012x}"),
        "name": format!("web-{n}"),
        "type": "smartmachine",
        "brand": "lx",
        "state": "running",
        "image": "9c7b2205-22f1-4c2b-8f2f-5d0b6b3f2205",
        "ips": [ip],
        "memory": 1024,
        "disk": 25600,
        "deletion_protection": false,
        "metadata": {
            "root_authorized_keys": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti me@laptop\n",
            "user-script": "#!/bin/sh\nexec /opt/start\n",
        },
        "tags": {"k8s.node": "triton-1", "k8s.uid": format!("11111111-0000-4000-8000-{n:012x}"), "replica": n, "canary": n.is_multiple_of(2)},
        "created": "2026-01-02T03:04:05.678Z",
        "updated": "2026-01-02T03:04:35.000Z",
        "networks": [net],
        "nics": [{
            "mac": format!("90:b8:d0:{:02x}:{:02x}:{:02x}", n >> 16, (n >> 8) & 255, n & 255),
            "primary": true,
            "ip": ip,
            "netmask": "255.255.0.0",
            "gateway": "10.0.0.1",
            "state": "running",
            "network": net,
        }],
        "primaryIp": ip,
        "firewall_enabled": true,
        "compute_node": format!("22222222-0000-4000-8000-{:012x}", n % 50),
        "package": "g4-highcpu-1G",
    })
}
