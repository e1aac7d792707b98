//! What is held without a pod.

use k8s_openapi::api::core::v1::Event;
use kube_client::Api;
use kube_client::api::ListParams;
use testbed::wait::seen_if;
use testbed::wait::until;
use virtual_node::PodKey;

use crate::world::LIMIT;
use crate::world::NODE;
use crate::world::World;

pub(crate) async fn an_orphan_is_stopped_but_many_are_not(world: &World) {
    let key = |name: &str, uid: &str| PodKey {
        namespace: "default".into(),
        name: name.into(),
        uid: uid.into(),
    };
    // Of the same name as a live pod, but another UID.
    world.provider.hold(key("runs", "orphan-1"));
    until("the orphan to go", LIMIT, || async {
        seen_if(!world.provider.holds("orphan-1"), "still held")
    })
    .await
    .unwrap();
    let runs = world.pods().get("runs").await.unwrap().metadata.uid.unwrap();
    assert!(world.provider.holds(&runs), "the live one is untouched");

    for n in 0..20 {
        world.provider.hold(key(&format!("old-{n}"), &format!("many-{n}")));
    }
    let events: Api<Event> = Api::namespaced(world.admin(), "default");
    let about = ListParams::default().fields("reason=TooManyOrphans");
    until("a brake", LIMIT, || async {
        let found = events.list(&about).await?.items;
        seen_if(
            found.iter().any(|event| event.involved_object.name.as_deref() == Some(NODE)),
            found.len(),
        )
    })
    .await
    .unwrap();
    for n in 0..20 {
        assert!(world.provider.holds(&format!("many-{n}")));
    }
    world.provider.held.lock().unwrap().retain(|uid, _| !uid.starts_with("many-"));
}
