//! How many pods a core translates and lints in a second, beside plain parsing of the same bytes.
//!
//! The goal is 100 000 translations and 50 000 lints. With YAML the second is out of reach: the parser alone takes
//! 20 us of the 1 662 bytes, and others (saphyr-parser 0.3, libyaml-safer 0.3) are hardly faster.
//!
//! `cargo xtask bench translate`, or `cargo bench -p triton-podspec --bench translate`.

#![expect(clippy::unwrap_used, reason = "what cannot be measured ends with a panic")]
#![expect(clippy::print_stdout, reason = "a measurement is told")]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "it measures real time, without a runtime"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;
use triton_podspec::manifest::{Context, SavedCatalog, lint};
use triton_podspec::{Catalog, Defaults, Inputs, Sources, translate};

/// How much of a core one figure is measured with, three times; the best counts: others use the machine too.
const ROUND: Duration = Duration::from_secs(1);
const ROUNDS: usize = 3;

/// Calls between two looks at the clock.
const BATCH: u32 = 100;

/// Time that this thread had a core; where the system does not tell, time that passed.
struct Core {
    begun: Instant,
    busy: Option<Duration>,
}

// === impl Core ===

impl Core {
    fn begin() -> Self {
        Self { begun: Instant::now(), busy: busy() }
    }

    fn elapsed(&self) -> Duration {
        match (self.busy, busy()) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => self.begun.elapsed(),
        }
    }
}

/// The first number of `schedstat` (Linux, "Scheduler Statistics"): nanoseconds on a core.
fn busy() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

fn per_second(mut work: impl FnMut()) -> f64 {
    let mut best = 0.0f64;
    for _ in 0..ROUNDS {
        let core = Core::begin();
        let mut calls = 0u32;
        while core.elapsed() < ROUND {
            for _ in 0..BATCH {
                work();
            }
            calls += BATCH;
        }
        best = best.max(f64::from(calls) / core.elapsed().as_secs_f64());
    }
    best
}

fn catalog() -> Catalog {
    let text = include_str!("../fixtures/catalog.json");
    serde_json::from_str::<SavedCatalog>(text).unwrap().read().unwrap()
}

fn main() {
    let yaml = include_str!("../fixtures/walkthrough.yaml");
    let mut deployment: Value = serde_saphyr::from_str(yaml).unwrap();
    let json = deployment.to_string();
    let pod: Pod = serde_json::from_value(deployment["spec"]["template"].take()).unwrap();
    let (catalog, defaults, sources) = (catalog(), Defaults::default(), Sources::default());
    let inputs = Inputs {
        pod: &pod,
        cluster: "c",
        node: "vk-triton",
        host_ip: None,
        catalog: &catalog,
        defaults: &defaults,
        sources: &sources,
    };
    assert!(translate(&inputs).instance.is_some());
    let offline = Context::default();
    let online = Context { catalog: Some(catalog.clone()), ..Context::default() };
    assert!(lint(yaml, &online).findings.is_empty());

    println!(
        "the walkthrough's Deployment: {} bytes of YAML, {} of JSON; per core-second",
        yaml.len(),
        json.len()
    );
    let told = |what: &str, number: f64| println!("{number:>10.0}  {what}");
    told(
        "translations",
        per_second(|| {
            black_box(translate(black_box(&inputs)));
        }),
    );
    told(
        "lints of YAML",
        per_second(|| {
            black_box(lint(black_box(yaml), &offline));
        }),
    );
    told(
        "lints of YAML with a catalog",
        per_second(|| {
            black_box(lint(black_box(yaml), &online));
        }),
    );
    told(
        "lints of JSON",
        per_second(|| {
            black_box(lint(black_box(&json), &offline));
        }),
    );
    told(
        "YAML parsed by serde-saphyr into a value",
        per_second(|| {
            black_box(serde_saphyr::from_str::<Value>(black_box(yaml)).unwrap());
        }),
    );
    told(
        "JSON parsed by serde_json into a value",
        per_second(|| {
            black_box(serde_json::from_str::<Value>(black_box(&json)).unwrap());
        }),
    );
}
