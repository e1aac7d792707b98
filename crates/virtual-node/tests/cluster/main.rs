//! The node against a real control plane, under the role it documents.

#[cfg(test)]
mod https;
#[cfg(test)]
mod node;
#[cfg(test)]
mod orphans;
#[cfg(test)]
mod pods;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod scripted;
#[cfg(test)]
mod verdicts;
#[cfg(test)]
mod world;

/// One control plane for all: each starts in ten seconds and holds half a GiB.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_keeps_its_promises_on_a_real_cluster() {
    let world = world::World::start().await;
    node::the_node_is_ready_and_carries_labels_taint_and_lease(&world).await;
    pods::a_pod_becomes_ready_with_one_write(&world).await;
    pods::what_others_write_into_our_status_is_written_back(&world).await;
    pods::a_deleted_pod_goes_only_after_the_provider_let_go(&world).await;
    pods::a_force_deleted_pod_is_stopped(&world).await;
    pods::a_finalizer_of_others_is_waited_for(&world).await;
    requests::kubectl_debug_ends(&world).await;
    requests::a_resize_is_answered_and_can_be_taken_back(&world).await;
    requests::a_pod_that_is_replaced_under_its_name_is_two_pods(&world).await;
    verdicts::an_invalid_pod_fails_with_a_reason_and_an_event(&world).await;
    verdicts::a_busy_pod_waits_and_then_runs(&world).await;
    verdicts::a_completed_pod_stays_but_holds_nothing(&world).await;
    verdicts::a_daemonset_is_rejected(&world).await;
    orphans::an_orphan_is_stopped_but_many_are_not(&world).await;
    https::strangers_do_not_get_in(&world).await;
    node::an_outage_of_the_provider_keeps_new_pods_away_and_the_node_ready(&world).await;
    node::a_deleted_node_is_registered_again(&world).await;
    node::the_lease_is_renewed_while_every_worker_hangs(&world).await;
    node::nothing_was_forbidden(&world).await;
    world.stop().await;
}
