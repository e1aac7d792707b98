//! Signatures made for 1 000 requests at 100 a second.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use triton_cloudapi::Client;
use triton_cloudapi::client::{Config, KeySource, RateLimit};
use triton_signature::PrivateKey;
use triton_signature::agent::Agent;

use crate::KEY;
use crate::agent::CountingAgent;
use crate::simulator::Simulator;

const REQUESTS: u32 = 1000;
const PERIOD: Duration = Duration::from_millis(10);

pub(crate) async fn measure(simulator: &Simulator) {
    let agent = CountingAgent::start();
    let fingerprint = PrivateKey::from_text(KEY, None).unwrap().public_key().md5_fingerprint();
    let signer = Agent::new(&agent.socket).signer(&fingerprint.parse().unwrap()).await.unwrap();
    let config =
        Config::new(simulator.url.parse().unwrap(), "acme", KeySource::Text(KEY.into(), None));
    let client = Client::builder(config, signer)
        .with_rate_limit(RateLimit { per_second: 1e9, burst: 1_000_000 })
        .build()
        .unwrap();
    let id = simulator.instance(&client, "signed").await;

    let before = agent.signed();
    let begun = Instant::now();
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for _ in 0..REQUESTS {
        ticks.tick().await;
        client.find_instance(id).await.unwrap();
    }
    let took = begun.elapsed().as_secs_f64();
    let signed = agent.signed() - before;
    println!(
        "signatures by an agent for {REQUESTS} requests in {took:.1} s: {signed} ({:.2} a second)",
        signed as f64 / took
    );
}
