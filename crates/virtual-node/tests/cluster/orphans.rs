//! What is held without a pod.

use k8s_openapi::api::core::v1::Event;
use kube_client::Api;
use kube_client::api::{ListParams, Patch, PatchParams};
use testbed::wait::seen_if;
use testbed::wait::until;
use virtual_node::PodKey;

use crate::world::LIMIT;
use crate::world::NODE;
use crate::world::RELEASE;
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
    until_held_back(world, "True").await;
    let held = |world: &World| {
        world.provider.held.lock().unwrap().keys().filter(|uid| uid.starts_with("many-")).count()
    };
    assert_eq!(held(world), 20, "none of them was stopped");

    // An operator lets some go: so many and no more, once.
    annotate(world, "3").await;
    until("three to go", LIMIT, || async { seen_if(held(world) == 17, held(world)) })
        .await
        .unwrap();
    assert_eq!(annotation(world).await, None, "it is good for once");
    until_held_back(world, "True").await;
    annotate(world, "all").await;
    let about = ListParams::default().fields("reason=InvalidOrphanRelease");
    until("a complaint", LIMIT, || async {
        seen_if(!events.list(&about).await?.items.is_empty(), "no event")
    })
    .await
    .unwrap();
    assert_eq!(held(world), 17, "what is not understood lets nothing go");
    annotate(world, "default/old-19,default/old-18").await;
    until("two to go", LIMIT, || async { seen_if(held(world) == 15, held(world)) }).await.unwrap();
    assert!(!world.provider.holds("many-19") && !world.provider.holds("many-18"));

    world.provider.held.lock().unwrap().retain(|uid, _| !uid.starts_with("many-"));
    until_held_back(world, "False").await;
    // Nothing lies in wait for a brake that nobody has seen.
    annotate(world, "20").await;
    until("it to be taken off", LIMIT, || async {
        let found = annotation(world).await;
        seen_if(found.is_none(), format!("{found:?}"))
    })
    .await
    .unwrap();
}

async fn annotate(world: &World, value: &str) {
    let patch = serde_json::json!({ "metadata": { "annotations": { RELEASE: value } } });
    world.nodes().patch(NODE, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

async fn annotation(world: &World) -> Option<String> {
    world.nodes().get(NODE).await.unwrap().metadata.annotations?.remove(RELEASE)
}

/// Waits until the Node says whether orphans are held back.
async fn until_held_back(world: &World, status: &str) {
    until("the condition", LIMIT, || async {
        let node = world.nodes().get(NODE).await?;
        let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
        let found = conditions.into_iter().find(|condition| condition.type_ == "OrphansHeld");
        seen_if(found.as_ref().is_some_and(|found| found.status == status), format!("{found:?}"))
    })
    .await
    .unwrap();
}
