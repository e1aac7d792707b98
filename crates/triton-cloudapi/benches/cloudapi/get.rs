//! CPU per GET: our client against a plain hyper client, same server, same requests, in turns.

use std::time::Duration;

use crate::cpu::used_here;
use crate::median;
use crate::plain::Plain;
use crate::simulator::Simulator;

const ROUNDS: usize = 9;
const REQUESTS: u32 = 1500;

pub(crate) async fn measure(simulator: &Simulator) {
    let client = simulator.client().build().unwrap();
    let id = simulator.instance(&client, "fetched").await;
    let path = format!("/acme/machines/{id}");
    let plain = Plain::new(&simulator.url).await;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // The first round opens connections and warms up.
    for round in 0..=ROUNDS {
        let begun = used_here();
        for _ in 0..REQUESTS {
            plain.send("GET", &path, None).await;
        }
        let between = used_here();
        for _ in 0..REQUESTS {
            client.find_instance(id).await.unwrap();
        }
        if round > 0 {
            theirs.push(micros(between - begun));
            ours.push(micros(used_here() - between));
        }
    }
    let ratio = median(ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect());
    println!(
        "CPU per GetMachine, median of {ROUNDS} rounds: {:.1} us, signed, parsed and retried if need be; \
         a plain hyper client {:.1} us; ratio {ratio:.2}",
        median(ours),
        median(theirs),
    );
}

fn micros(total: Duration) -> f64 {
    total.as_secs_f64() * 1e6 / f64::from(REQUESTS)
}
