//! A list that is read while instances come and go.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use futures::future::BoxFuture;
use http::Response;
use serde_json::json;
use tower::{Service, ServiceExt as _};
use triton_cloudapi::Client;
use triton_cloudapi::client::HttpRequest;
use triton_cloudapi::instances::{CreateInstance, ListInstances};
use triton_sim::{InstanceState, Sim};
use virtual_node::Fence;

use super::stage;

/// Instances to begin with, and how many are listed in a page.
const INSTANCES: u32 = 60;
const PAGE: u32 = 10;

/// A way to the simulator on which something happens before each page.
#[derive(Clone)]
struct Churn {
    sim: Sim,
    /// The next of a row of numbers that look random.
    numbers: Arc<AtomicU64>,
    admin: Client,
}

// === impl Churn ===

impl Churn {
    /// A number below `end`.
    fn draw(&self, end: usize) -> usize {
        let step = |x: u64| {
            x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407)
        };
        let before =
            self.numbers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |x| Some(step(x)));
        usize::try_from(before.unwrap() >> 33).unwrap() % end
    }

    async fn happen(&self) {
        for _ in 0..self.draw(7) {
            let living: Vec<_> = self.living().into_iter().collect();
            self.sim.destroy_behind_back(living[self.draw(living.len())]);
        }
        for n in 0..self.draw(3) {
            let create = CreateInstance {
                name: format!("new-{}-{n}", self.numbers.load(Ordering::Relaxed)),
                package: "g4-highcpu-1G".to_owned(),
                image: "7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b".to_owned(),
                ..CreateInstance::default()
            };
            self.admin.create_instance(&create).await.unwrap();
        }
    }

    fn living(&self) -> BTreeSet<uuid::Uuid> {
        let all = self.sim.instances().into_iter();
        let living =
            all.filter(|one| !matches!(one.state, InstanceState::Deleted | InstanceState::Failed));
        living.map(|one| one.id).collect()
    }
}

impl Service<HttpRequest> for Churn {
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest) -> Self::Future {
        let churn = self.clone();
        Box::pin(async move {
            churn.happen().await;
            churn.sim.router().oneshot(request).await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn no_instance_that_lives_all_the_while_is_missing_from_a_list_that_is_accepted() {
    let instances: Vec<_> = (0..INSTANCES)
        .map(|n| json!({ "account": "acme", "name": format!("web-{n}"), "package": "g4-highcpu-1G", "image": "ubuntu-16.04" }))
        .collect();
    let state = json!({ "version": 1, "add": { "instances": instances } });
    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..24_u64 {
        let sim = stage::datacenter_of(&state);
        let admin = stage::client(&sim, sim.router(), &Fence::open_for_ever());
        let churn =
            Churn { sim: sim.clone(), numbers: Arc::new(AtomicU64::new(seed << 40)), admin };
        let client = stage::client(&sim, churn.clone(), &Fence::open_for_ever());
        let before = churn.living();
        let list = ListInstances { limit: Some(PAGE), ..ListInstances::default() };
        let Ok(listed) = client.list_all_instances(&list).await else {
            refused += 1;
            continue;
        };
        accepted += 1;
        let listed: BTreeSet<_> = listed.into_iter().map(|instance| instance.id.0).collect();
        let lived: BTreeSet<_> = before.intersection(&churn.living()).copied().collect();
        assert!(listed.is_superset(&lived), "seed {seed} misses {:?}", &lived - &listed);
    }
    println!("{accepted} lists accepted, {refused} refused");
    assert!(accepted > 4, "{accepted} lists were accepted: that shows little");
}
