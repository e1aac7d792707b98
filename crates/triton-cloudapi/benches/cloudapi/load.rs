//! How many requests the simulator answers with a core, and how much memory it takes.

use futures_util::StreamExt as _;
use serde_json::json;

use crate::cpu::{resident_kib, used};
use crate::plain::Plain;
use crate::simulator::Simulator;

const AT_ONCE: usize = 16;
const INSTANCES: usize = 50_000;
const GETS: usize = 30_000;
const LISTS: usize = 2000;
const IMAGE: &str = "9c7b2205-22f1-4c2b-8f2f-5d0b6b3f2205";

pub(crate) async fn measure(simulator: &Simulator) {
    let plain = Plain::new(&simulator.url).await;
    let empty = resident_kib(simulator.pid());
    let network = large_network(&plain).await;
    let create = |at: usize| {
        let (plain, network) = (plain.clone(), network.clone());
        async move {
            let body = json!({
                "name": format!("load-{at}"),
                "image": IMAGE,
                "package": "g4-highcpu-128M",
                "networks": [network],
                "tag.replica": at,
                "tag.k8s.node": "triton-1",
            });
            let body = plain.send("POST", "/acme/machines", Some(body.to_string())).await;
            let made: serde_json::Value = serde_json::from_slice(&body).unwrap();
            made["id"].as_str().unwrap().to_owned()
        }
    };
    // The first thousand, while there is little: what a create costs by itself.
    let first = rate(simulator, "CreateMachine, the first 2 000", 0..2000, create).await;
    let get = |at: usize| {
        let (plain, id) = (plain.clone(), first[at % first.len()].clone());
        async move { plain.send("GET", &format!("/acme/machines/{id}"), None).await.len() }
    };
    rate(simulator, "GetMachine among 2 000", 0..GETS, get).await;
    let list = |at: usize| {
        let plain = plain.clone();
        async move {
            let path = format!("/acme/machines?limit=100&offset={}", at % 1000);
            plain.send("GET", &path, None).await.len()
        }
    };
    rate(simulator, "ListMachines of 100 among 2 000", 0..LISTS, list).await;
    rate(simulator, "CreateMachine up to 50 000", 2000..INSTANCES, create).await;
    rate(simulator, "GetMachine among 50 000", 0..GETS, get).await;
    rate(simulator, "ListMachines of 100 among 50 000", 0..LISTS, list).await;
    let full = resident_kib(simulator.pid());
    println!(
        "simulator's memory: {:.1} MiB at {INSTANCES} instances, {:.1} MiB before",
        full as f64 / 1024.0,
        empty as f64 / 1024.0
    );
}

/// A fabric network that has an address for every instance; those of the catalog have 16 000.
async fn large_network(plain: &Plain) -> String {
    let body = json!({
        "name": "large",
        "subnet": "10.128.0.0/15",
        "provision_start_ip": "10.128.0.10",
        "provision_end_ip": "10.129.255.250",
    });
    let path = "/acme/fabrics/default/vlans/2/networks";
    let made = plain.send("POST", path, Some(body.to_string())).await;
    let made: serde_json::Value = serde_json::from_slice(&made).unwrap();
    made["id"].as_str().unwrap().to_owned()
}

/// Sends all requests, a few at once; says how many the simulator answers for a second of its CPU time.
async fn rate<T, F: Future<Output = T>>(
    simulator: &Simulator,
    what: &str,
    numbers: std::ops::Range<usize>,
    send: impl Fn(usize) -> F,
) -> Vec<T> {
    let count = numbers.len();
    let before = used(simulator.pid());
    let answers =
        futures_util::stream::iter(numbers).map(&send).buffer_unordered(AT_ONCE).collect().await;
    let cpu = (used(simulator.pid()) - before).as_secs_f64();
    println!("simulator, {what}: {:.0} requests per core-second", count as f64 / cpu);
    answers
}
