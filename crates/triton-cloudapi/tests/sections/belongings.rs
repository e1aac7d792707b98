//! What belongs to an instance: snapshots, NICs, disks, migrations, and volumes.

use std::time::Duration;

use triton_cloudapi::client::Client;
use triton_cloudapi::disks::AddDisk;
use triton_cloudapi::images::ListImages;
use triton_cloudapi::instances::{
    CreateDisk, CreateInstance, DiskSize, Instance, InstanceState, NetworkRequest, VolumeMount,
};
use triton_cloudapi::migrations::{MigrationAction, MigrationPhase, MigrationState};
use triton_cloudapi::networks::ListNetworks;
use triton_cloudapi::nics::AddedNic;
use triton_cloudapi::packages::ListPackages;
use triton_cloudapi::snapshots::SnapshotState;
use triton_cloudapi::volumes::{CreateVolume, ListVolumes, VolumeState};

use super::{client, instance, status, wait_for};

/// Longer than anything takes here.
async fn a_while() {
    tokio::time::sleep(Duration::from_secs(60)).await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_goes_back_to_a_snapshot() {
    let client = client();
    let id = instance(&client, "one").await.id;
    let queued = client.create_snapshot(id, Some("before")).await.unwrap();
    assert_eq!((queued.name.as_str(), &queued.state), ("before", &SnapshotState::Queued));
    a_while().await;
    let snapshot = client.get_snapshot(id, "before").await.unwrap();
    assert_eq!(snapshot.state, SnapshotState::Created);
    assert_eq!(client.list_snapshots(id).await.unwrap().items, [snapshot]);
    client.create_snapshot(id, None).await.unwrap();
    client.start_from_snapshot(id, "before").await.unwrap();
    a_while().await;
    wait_for(&client, id, &InstanceState::Running).await;
    client.delete_snapshot(id, "before").await.unwrap();
    a_while().await;
    match client.get_snapshot(id, "before").await {
        Ok(snapshot) => assert_eq!(snapshot.state, SnapshotState::Deleted),
        refused => assert_eq!(status(refused), Some(404)),
    }
    client.delete_snapshot(id, "before").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_nic_is_added_once_and_removed() {
    let client = client();
    let instance = instance(&client, "one").await;
    let networks = client.list_networks(&ListNetworks::default()).await.unwrap().items;
    let free = networks.iter().find(|network| !instance.networks.contains(&network.id)).unwrap();
    let network = NetworkRequest::from(free.id);
    let AddedNic::Added(nic) = client.add_nic(instance.id, &network, false).await.unwrap() else {
        panic!("nothing was on {}", free.name)
    };
    a_while().await;
    let found = client.get_nic(instance.id, &nic.mac).await.unwrap();
    assert_eq!((found.mac.as_str(), found.network), (nic.mac.as_str(), Some(free.id)));
    assert!(client.list_nics(instance.id).await.unwrap().items.contains(&found));
    let again = client.add_nic(instance.id, &network, false).await.unwrap();
    let mac = nic.mac.replace(':', "");
    assert_eq!(again, AddedNic::Exists { mac: Some(mac) });
    client.remove_nic(instance.id, &nic.mac).await.unwrap();
    a_while().await;
    assert_eq!(status(client.get_nic(instance.id, &nic.mac).await), Some(404));
}

/// A stopped instance whose disks can be divided freely.
async fn stopped_bhyve(client: &Client) -> Instance {
    let filter = ListPackages { flexible_disk: Some(true), ..ListPackages::default() };
    let package = client.list_packages(&filter).await.unwrap().items.remove(0);
    let filter = ListImages { kind: Some("zvol".to_owned()), ..ListImages::default() };
    let images = client.list_images(&filter).await.unwrap().items;
    let bhyve = |brand: Option<&str>| brand.is_none_or(|brand| brand == "bhyve");
    let image = images.iter().find(|image| bhyve(image.requirements.brand.as_deref())).unwrap();
    let create = CreateInstance {
        name: "vm".to_owned(),
        package: package.id.to_string(),
        image: image.id.to_string(),
        disks: vec![CreateDisk::default(), CreateDisk::sized(DiskSize::Mib(512))],
        ..CreateInstance::default()
    };
    let id = client.create_instance(&create).await.unwrap().id;
    wait_for(client, id, &InstanceState::Running).await;
    client.stop_instance(id).await.unwrap();
    wait_for(client, id, &InstanceState::Stopped).await
}

#[tokio::test(start_paused = true)]
async fn disks_are_added_resized_and_removed() {
    let client = client();
    let vm = stopped_bhyve(&client).await;
    assert!(vm.flexible && vm.disks.len() == 2 && vm.disks[0].boot);
    let added = client.create_disk(vm.id, &AddDisk::new(DiskSize::Mib(1024))).await.unwrap();
    assert_eq!(added, None, "the server describes it only if a slot was given");
    a_while().await;
    let slotted =
        AddDisk { pci_slot: Some("0:4:5".to_owned()), ..AddDisk::new(DiskSize::Mib(256)) };
    let slotted = client.create_disk(vm.id, &slotted).await.unwrap().unwrap();
    a_while().await;
    let disks = client.list_disks(vm.id).await.unwrap().items;
    assert_eq!(disks.len(), 4);
    let disk = disks.iter().find(|disk| disk.size_mib == Some(1024)).unwrap();
    let id = disk.id.unwrap();
    client.resize_disk(vm.id, id, 2048).await.unwrap();
    a_while().await;
    assert_eq!(client.get_disk(vm.id, id).await.unwrap().size_mib, Some(2048));
    assert!(client.resize_disk(vm.id, id, 1024).await.is_err(), "it would lose data");
    client.shrink_disk(vm.id, id, 1024).await.unwrap();
    a_while().await;
    assert_eq!(client.get_disk(vm.id, id).await.unwrap().size_mib, Some(1024));
    client.delete_disk(vm.id, slotted.id.unwrap()).await.unwrap();
    client.delete_disk(vm.id, id).await.unwrap();
    a_while().await;
    assert_eq!(client.list_disks(vm.id).await.unwrap().items.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_migration_moves_an_instance() {
    let client = client();
    let before = instance(&client, "one").await;
    let estimate = client.estimate_migration(before.id).await.unwrap();
    assert!(estimate.size.is_some());
    let migration = client.migrate(before.id, MigrationAction::Automatic).await.unwrap();
    assert_eq!((migration.machine, migration.automatic), (before.id, true));
    let progress = client.watch_migration(before.id).await.unwrap();
    assert!(progress.odd.is_empty() && !progress.items.is_empty(), "{progress:?}");
    a_while().await;
    let migration = client.get_migration(before.id).await.unwrap();
    assert_eq!(migration.state, MigrationState::Successful);
    assert!(matches!(migration.phase, MigrationPhase::Switch | MigrationPhase::Finalize));
    assert!(!migration.progress_history.is_empty());
    assert_eq!(client.list_migrations().await.unwrap().items, [migration]);
    let after = wait_for(&client, before.id, &InstanceState::Running).await;
    assert_ne!(after.compute_node, before.compute_node);
}

#[tokio::test(start_paused = true)]
async fn a_volume_is_made_mounted_and_removed() {
    let client = client();
    let sizes = client.list_volume_sizes().await.unwrap().items;
    assert!(sizes.iter().any(|size| size.size_mib == 10_240));
    let create = CreateVolume {
        name: Some("home".to_owned()),
        tags: [("a".to_owned(), "b".to_owned())].into(),
        ..CreateVolume::default()
    };
    let volume = client.create_volume(&create).await.unwrap();
    assert_eq!(volume.state, VolumeState::Creating);
    a_while().await;
    let ready = client.get_volume(volume.id).await.unwrap();
    assert_eq!((&ready.state, ready.size_mib), (&VolumeState::Ready, Some(10_240)));
    assert!(ready.filesystem_path.is_some());
    let named = ListVolumes { name: Some("ho*".to_owned()), ..ListVolumes::default() };
    assert_eq!(client.list_volumes(&named).await.unwrap().items, std::slice::from_ref(&ready));
    let renamed = client.rename_volume(volume.id, "house").await.unwrap();
    assert!(renamed.is_none_or(|volume| volume.name == "house"));

    let other = instance(&client, "other").await;
    let create = CreateInstance {
        name: "one".to_owned(),
        package: other.package,
        image: other.image.unwrap().to_string(),
        networks: Some(ready.networks.iter().copied().map(Into::into).collect()),
        volumes: vec![VolumeMount::new("house", "/home")],
        ..CreateInstance::default()
    };
    let one = client.create_instance(&create).await.unwrap().id;
    wait_for(&client, one, &InstanceState::Running).await;
    assert_eq!(client.get_volume(volume.id).await.unwrap().refs, [one]);
    assert_eq!(status(client.delete_volume(volume.id).await), Some(409));
    client.delete_instance(one).await.unwrap();
    a_while().await;
    client.delete_volume(volume.id).await.unwrap();
    a_while().await;
    assert_eq!(status(client.get_volume(volume.id).await), Some(404));
}
