//! The table that `triton ls` prints.

use std::collections::BTreeMap;

use jiff::Timestamp;

use triton_cloudapi::instances::{Brand, Instance};

const COLUMNS: [&str; 6] = ["SHORTID", "NAME", "IMG", "STATE", "FLAGS", "AGE"];

/// Instances in the columns, and the order, of `triton ls`: oldest first, two spaces between columns.
///
/// `images` are `name@version` by UUID; an image that is not in it is shown by the first part of its UUID, as the CLI
/// does.
#[must_use]
pub fn instance_table(
    instances: &[Instance],
    images: &BTreeMap<String, String>,
    now: Timestamp,
) -> String {
    let mut sorted: Vec<&Instance> = instances.iter().collect();
    sorted.sort_by_key(|instance| instance.created);
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    rows.extend(sorted.iter().map(|instance| row(instance, images, now)));
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
    let mut table = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        table.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        table.push('\n');
    }
    table
}

fn row(instance: &Instance, images: &BTreeMap<String, String>, now: Timestamp) -> [String; 6] {
    let image = instance.image.map(|image| image.to_string()).unwrap_or_default();
    let image = images.get(&image).cloned().unwrap_or_else(|| short_id(&image));
    [
        short_id(&instance.id.to_string()),
        instance.name.clone(),
        image,
        instance.state.to_string(),
        flags(instance),
        instance.created.map_or_else(|| "-".to_owned(), |created| age(created, now)),
    ]
}

fn short_id(id: &str) -> String {
    id.split('-').next().unwrap_or_default().to_owned()
}

/// B bhyve, F firewall, K KVM, P deletion protection.
fn flags(instance: &Instance) -> String {
    let flags = [
        ('B', instance.brand == Brand::Bhyve),
        ('F', instance.firewall_enabled),
        ('K', instance.brand == Brand::Kvm),
        ('P', instance.deletion_protection),
    ];
    let set: String =
        flags.iter().filter(|(_, is_set)| *is_set).map(|(letter, _)| *letter).collect();
    if set.is_empty() { "-".to_owned() } else { set }
}

/// The largest unit of which one is full.
fn age(created: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(created).as_secs().max(0);
    let units =
        [(31_536_000, 'y'), (604_800, 'w'), (86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];
    let full = units.iter().find(|(length, _)| seconds >= *length);
    full.map_or_else(|| "0s".to_owned(), |(length, unit)| format!("{}{unit}", seconds / length))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn instance(id: &str, created: &str, brand: &str, firewall: bool) -> Instance {
        serde_json::from_value(json!({
            "id": id, "name": "ubuntu", "brand": brand, "state": "running", "created": created,
            "image": "7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b", "firewall_enabled": firewall, "tags": {},
        }))
        .unwrap()
    }

    #[test]
    fn it_looks_as_triton_ls_prints_it() {
        let instances = [
            instance("bbbbbbbb-0000-4000-8000-000000000000", "2026-01-01T00:01:00Z", "lx", true),
            instance(
                "aaaaaaaa-0000-4000-8000-000000000000",
                "2026-01-01T00:00:00Z",
                "bhyve",
                false,
            ),
        ];
        let images = BTreeMap::from([(
            "7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b".to_owned(),
            "ubuntu-16.04@20170403".to_owned(),
        )]);
        let now = "2026-01-01T00:01:05Z".parse().unwrap();
        assert_eq!(
            instance_table(&instances, &images, now),
            "SHORTID   NAME    IMG                    STATE    FLAGS  AGE\n\
             aaaaaaaa  ubuntu  ubuntu-16.04@20170403  running  B      1m\n\
             bbbbbbbb  ubuntu  ubuntu-16.04@20170403  running  F      5s\n"
        );
    }

    #[test]
    fn an_unknown_image_is_shown_by_its_short_id() {
        let instances =
            [instance("aaaaaaaa-0000-4000-8000-000000000000", "2026-01-01T00:00:00Z", "lx", false)];
        let table =
            instance_table(&instances, &BTreeMap::new(), "2026-01-03T00:00:00Z".parse().unwrap());
        assert!(table.ends_with("aaaaaaaa  ubuntu  7b5981c4  running  -      2d\n"), "{table}");
    }
}
