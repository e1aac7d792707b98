//! The catalog every simulator starts with; the UUIDs are fixed, so that documents can name them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::{Uuid, uuid};

use super::fabric::DEFAULT_VLAN;
use super::image::OPERATOR;
use super::{Brand, Catalog, Image, ImageState, ImageType, Network, Package};

/// Default fabric network of a new account.
pub(crate) const FABRIC_NETWORK: Uuid = uuid!("a0ae9499-b476-4fef-9861-d0c25029378d");
/// The public network.
pub(crate) const EXTERNAL_NETWORK: Uuid = uuid!("17d7aa50-6ad9-4e56-93b7-12dc868fac2a");

/// Packages, images and networks.
pub(crate) fn catalog() -> Catalog {
    let mut images = images();
    // ListImages answers the oldest first (IMGAPI's manual, ListImages); node-triton takes the last as the newest.
    images.sort_by_key(|image| image.published_at);
    Catalog { packages: packages(), images, networks: networks(), ..Catalog::default() }
}

/// What seeded fabric networks resolve names with.
pub(super) fn resolvers() -> Vec<Ipv4Addr> {
    vec![Ipv4Addr::new(8, 8, 8, 8), Ipv4Addr::new(8, 8, 4, 4)]
}

fn lx_tags() -> Map<String, Value> {
    let tags = [("role", json!("os")), ("kernel_version", json!("4.3.0"))];
    tags.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn packages() -> Vec<Package> {
    let zone = |id, name: &str, memory_mib, disk_gib: u64, vcpus, group: &str| Package {
        id,
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        memory_mib,
        disk_mib: disk_gib * 1024,
        vcpus,
        group: group.to_owned(),
        description: format!("{group}, {memory_mib} MiB of memory, {disk_gib} GiB of disk"),
        brand: None,
        flexible_disk: false,
    };
    let bhyve = |id, name: &str, memory_mib, disk_gib, vcpus, flexible_disk| Package {
        brand: Some(Brand::Bhyve),
        flexible_disk,
        ..zone(id, name, memory_mib, disk_gib, vcpus, "Bhyve")
    };
    vec![
        zone(
            uuid!("b87c2a29-6b6a-6d19-ea65-aa81e680002c"),
            "g4-highcpu-1G",
            1024,
            25,
            1,
            "High CPU",
        ),
        zone(
            uuid!("14ac8f01-d1f8-11e5-8f9b-6b4a6a4c0f01"),
            "g4-highcpu-128M",
            128,
            3,
            0,
            "High CPU",
        ),
        zone(
            uuid!("14ac8f02-d1f8-11e5-8f9b-6b4a6a4c0f02"),
            "g4-highcpu-256M",
            256,
            6,
            0,
            "High CPU",
        ),
        zone(
            uuid!("14ac8f03-d1f8-11e5-8f9b-6b4a6a4c0f03"),
            "g4-highcpu-512M",
            512,
            12,
            1,
            "High CPU",
        ),
        zone(
            uuid!("14ac8f04-d1f8-11e5-8f9b-6b4a6a4c0f04"),
            "g4-highcpu-2G",
            2048,
            50,
            2,
            "High CPU",
        ),
        zone(
            uuid!("14ac8f05-d1f8-11e5-8f9b-6b4a6a4c0f05"),
            "g4-general-4G",
            4096,
            100,
            2,
            "General Purpose",
        ),
        zone(
            uuid!("14ac8f06-d1f8-11e5-8f9b-6b4a6a4c0f06"),
            "g4-general-8G",
            8192,
            200,
            4,
            "General Purpose",
        ),
        zone(
            uuid!("14ac8f07-d1f8-11e5-8f9b-6b4a6a4c0f07"),
            "g4-highram-16G",
            16384,
            400,
            4,
            "High RAM",
        ),
        bhyve(uuid!("840e0bb3-e7f6-6225-ebe2-c09cf326f0f8"), "g4-bhyve-4G", 4096, 100, 2, false),
        bhyve(uuid!("14ac8f08-d1f8-11e5-8f9b-6b4a6a4c0f08"), "g4-bhyve-1G", 1024, 25, 1, false),
        bhyve(
            uuid!("14ac8f09-d1f8-11e5-8f9b-6b4a6a4c0f09"),
            "g4-bhyve-flex-8G",
            8192,
            200,
            4,
            true,
        ),
    ]
}

fn images() -> Vec<Image> {
    let image = |id, name: &str, version: &str, image_type| Image {
        id,
        name: name.to_owned(),
        version: version.to_owned(),
        os: if image_type == ImageType::ZoneDataset { "smartos".into() } else { "linux".into() },
        image_type,
        brand: None,
        min_memory_mib: None,
        image_size_mib: (image_type == ImageType::Zvol).then_some(10240),
        description: format!("{name} {version}, simulated"),
        published_at: published(version),
        state: ImageState::Active,
        ports: vec![22],
        owner: OPERATOR,
        public: true,
        acl: Vec::new(),
        tags: match image_type {
            ImageType::LxDataset => lx_tags(),
            ImageType::ZoneDataset | ImageType::Zvol => Map::new(),
        },
        homepage: None,
        eula: None,
        origin: None,
    };
    let lx = |id, name, version| image(id, name, version, ImageType::LxDataset);
    let lx = |id, name, version| Image { brand: Some(Brand::Lx), ..lx(id, name, version) };
    let bhyve = |id, name, version| Image {
        brand: Some(Brand::Bhyve),
        min_memory_mib: Some(512),
        ..image(id, name, version, ImageType::Zvol)
    };
    let web = |image| Image { ports: vec![22, 80], ..image };
    vec![
        lx(uuid!("7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b"), "ubuntu-16.04", "20170403"),
        lx(uuid!("04179d8e-188a-11e7-af03-73c2ca5e9ca8"), "ubuntu-16.04", "20161213"),
        lx(uuid!("9c7b2204-22f1-4c2b-8f2f-5d0b6b3f2204"), "ubuntu-22.04", "20230601"),
        lx(uuid!("9c7b2205-22f1-4c2b-8f2f-5d0b6b3f2205"), "ubuntu-22.04", "20240115"),
        lx(uuid!("9c7b2404-22f1-4c2b-8f2f-5d0b6b3f2404"), "ubuntu-24.04", "20240612"),
        web(lx(uuid!("9c7b0080-22f1-4c2b-8f2f-5d0b6b3f0080"), "nginx", "1.26.0")),
        image(
            uuid!("8adac45a-ae03-11e8-9a08-2f5b1d1c0b64"),
            "base-64-lts",
            "18.4.0",
            ImageType::ZoneDataset,
        ),
        image(
            uuid!("800db35c-5408-11eb-9792-872f658e7911"),
            "base-64-lts",
            "20.4.0",
            ImageType::ZoneDataset,
        ),
        image(
            uuid!("0e7e0064-23c5-4b1f-9f0e-64ba5e000064"),
            "base-64",
            "23.4.0",
            ImageType::ZoneDataset,
        ),
        Image {
            brand: Some(Brand::JoyentMinimal),
            ..image(
                uuid!("0e7e0021-23c5-4b1f-9f0e-64ba5e000021"),
                "minimal-64-lts",
                "21.4.0",
                ImageType::ZoneDataset,
            )
        },
        image(
            uuid!("ac99517a-72ac-44c0-90e6-c7ce3d944a0a"),
            "ubuntu-certified-18.04",
            "20180808",
            ImageType::Zvol,
        ),
        bhyve(uuid!("2f4d2204-6a51-4b6f-9d4d-22040bb7e001"), "ubuntu-certified-22.04", "20240223"),
        bhyve(uuid!("2f4d2404-6a51-4b6f-9d4d-24040bb7e001"), "ubuntu-certified-24.04", "20240612"),
        Image {
            state: ImageState::Disabled,
            ..lx(uuid!("d0b1c3f4-0000-4d15-ab1e-000000001404"), "ubuntu-14.04", "20160201")
        },
    ]
}

/// Dated versions were published that day, numbered ones on a day of their own, so "newest" has one answer.
fn published(version: &str) -> Timestamp {
    let date = match version {
        "18.4.0" => "2019-01-22",
        "20.4.0" => "2021-01-11",
        "21.4.0" => "2022-01-10",
        "23.4.0" => "2024-01-15",
        "1.26.0" => "2024-04-23",
        dated if dated.len() == 8 => return dated_version(dated),
        _ => "2020-01-01",
    };
    format!("{date}T12:00:00Z").parse().unwrap_or(Timestamp::UNIX_EPOCH)
}

fn dated_version(version: &str) -> Timestamp {
    let (year, month, day) = (&version[..4], &version[4..6], &version[6..]);
    format!("{year}-{month}-{day}T12:00:00Z").parse().unwrap_or(Timestamp::UNIX_EPOCH)
}

fn networks() -> Vec<Network> {
    let network = |id, name: &str, description: &str| Network {
        id,
        name: name.to_owned(),
        description: description.to_owned(),
        public: false,
        fabric: false,
        vlan_id: 0,
        owner: None,
        resolvers: resolvers(),
        routes: BTreeMap::new(),
        internet_nat: false,
    };
    vec![
        Network { public: true, ..network(EXTERNAL_NETWORK, "external", "Public addresses") },
        Network {
            fabric: true,
            vlan_id: DEFAULT_VLAN,
            internet_nat: true,
            ..network(FABRIC_NETWORK, "My-Fabric-Network", "The account's own fabric")
        },
        network(
            uuid!("5983940e-58a5-4543-b732-c689b1fe4c08"),
            "sdc_nat",
            "Private addresses with a way out",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_seeded_id_is_its_own() {
        let catalog = catalog();
        let ids: Vec<Uuid> = (catalog.packages.iter().map(|p| p.id))
            .chain(catalog.images.iter().map(|i| i.id))
            .chain(catalog.networks.iter().map(|n| n.id))
            .collect();
        // The first eight digits too: the triton CLI's short ids.
        let short_ids: BTreeSet<String> =
            ids.iter().map(|id| id.to_string()[..8].to_owned()).collect();
        assert_eq!(short_ids.len(), ids.len());
    }

    #[test]
    fn images_of_one_name_have_different_dates() {
        let images = catalog().images;
        let dated: BTreeSet<_> = images.iter().map(|i| (&i.name, i.published_at)).collect();
        assert_eq!(dated.len(), images.len());
        assert!(images.iter().all(|i| i.published_at > Timestamp::UNIX_EPOCH));
    }
}
