//! The field table against the types of Kubernetes, and against what the translation says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use serde_json::{Value, json};
use triton_podspec::fields::{self, Fate, TYPES};
use triton_podspec::shape::Shape;
use triton_podspec::{Catalog, Defaults, Diagnostic, Inputs, Sources, rules, translate};

/// Calls `visit` with every field that the table has to know: its type, its name, its shape, and the objects around it
/// from the outermost on.
fn every_field<'a>(
    shape: &'a Shape,
    around: &mut Vec<(&'a str, &'a Shape)>,
    visit: &mut impl FnMut(&'a str, &'a str, &'a Shape, &[(&'a str, &'a Shape)]),
) {
    match shape {
        Shape::List(element) | Shape::Map(element) => every_field(element, around, visit),
        Shape::Struct { name, fields } => {
            for (field, inner) in fields {
                visit(name, field, inner, around);
                let known = fields::find(name)
                    .and_then(|found| found.fields.iter().find(|(known, _)| known == field));
                if matches!(known, Some((_, Fate::Inside(_)))) {
                    around.push((field, inner));
                    every_field(inner, around, visit);
                    around.pop();
                }
            }
        }
        _ => {}
    }
}

fn pod_spec() -> Shape {
    Shape::of::<PodSpec>().unwrap()
}

#[test]
fn every_field_of_a_pod_is_in_the_table_and_no_other() {
    let shape = pod_spec();
    let mut found = BTreeSet::new();
    every_field(&shape, &mut Vec::new(), &mut |name, field, _, _| {
        found.insert((name.to_owned(), field.to_owned()));
    });
    let table: BTreeSet<(String, String)> = TYPES
        .iter()
        .flat_map(|kind| {
            kind.fields.iter().map(|(field, _)| (kind.name.to_owned(), (*field).to_owned()))
        })
        .collect();
    let unknown: Vec<_> = found.difference(&table).collect();
    assert!(unknown.is_empty(), "say in fields/table.rs what becomes of {unknown:?}");
    let stale: Vec<_> = table.difference(&found).collect();
    assert!(stale.is_empty(), "Kubernetes has no such fields: {stale:?}");
}

#[test]
fn a_field_that_is_said_to_be_an_object_is_of_that_type() {
    every_field(&pod_spec(), &mut Vec::new(), &mut |name, field, shape, _| {
        let kind = fields::find(name).unwrap();
        let (_, fate) = kind.fields.iter().find(|(known, _)| *known == field).unwrap();
        let Fate::Inside(inner) = fate else { return };
        let shape = if let Shape::List(element) = shape { element } else { shape };
        assert!(matches!(shape, Shape::Struct { name, .. } if name == inner), "{name}.{field}");
    });
}

/// A value of a shape in which everything is set.
fn full(shape: &Shape) -> Value {
    match shape {
        Shape::Struct { fields, .. } => {
            fields.iter().map(|(field, shape)| ((*field).to_owned(), full(shape))).collect()
        }
        Shape::List(element) => json!([full(element)]),
        Shape::Map(element) => json!({ "x": full(element) }),
        Shape::Text => json!("x"),
        Shape::Time => json!("2026-01-02T03:04:05Z"),
        Shape::Integer | Shape::Number => json!(1),
        Shape::Bool => json!(true),
        Shape::TextOrNumber | Shape::Any => json!("1"),
    }
}

/// A pod that nothing is wrong with but the value, which is at these fields.
fn with(value: Value, at: &[(&str, &Shape)]) -> Pod {
    let mut value = value;
    for (field, shape) in at.iter().rev() {
        let inner = if matches!(shape, Shape::List(_)) { json!([value]) } else { value };
        value = json!({ *field: inner });
    }
    let container = json!({"name": "web", "image": "ubuntu-16.04"});
    let mut spec = value;
    if spec.get("containers").is_none() {
        spec["containers"] = json!([container.clone()]);
    } else if let Some(first) = spec["containers"].get_mut(0).and_then(Value::as_object_mut) {
        for (field, value) in container.as_object().unwrap() {
            first.entry(field.as_str()).or_insert_with(|| value.clone());
        }
    }
    let metadata = json!({"name": "web", "annotations": {"package": "g4-highcpu-1G"}});
    serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
}

fn found(pod: &Pod) -> Vec<Diagnostic> {
    let mut lists: Value =
        serde_json::from_str(include_str!("../../fixtures/catalog.json")).unwrap();
    let catalog = Catalog {
        packages: serde_json::from_value(lists["packages"].take()).unwrap(),
        images: serde_json::from_value(lists["images"].take()).unwrap(),
        networks: serde_json::from_value(lists["networks"].take()).unwrap(),
    };
    translate(&Inputs {
        pod,
        cluster: "c",
        node: "vk-triton",
        host_ip: None,
        catalog: &catalog,
        defaults: &Defaults::default(),
        sources: &Sources::default(),
    })
    .diagnostics
}

#[test]
fn what_the_table_says_of_a_field_is_what_the_translation_says() {
    every_field(&pod_spec(), &mut Vec::new(), &mut |name, field, shape, around| {
        let kind = fields::find(name).unwrap();
        let (_, fate) = kind.fields.iter().find(|(known, _)| *known == field).unwrap();
        let value = full(shape);
        let pod = || with(json!({ field: value.clone() }), around);
        match fate {
            Fate::Found(rule) => {
                let found = found(&pod());
                assert!(found.iter().any(|it| it.rule == rule.name), "{name}.{field}: {found:#?}");
            }
            Fate::Harmless(_) => {
                let without = found(&with(json!({}), around));
                assert_eq!(found(&pod()), without, "{name}.{field}");
            }
            Fate::Honoured(_) | Fate::Inside(_) => {}
        }
    });
}

#[test]
fn every_rule_about_fields_alone_is_in_the_table() {
    let table: BTreeSet<&str> = TYPES
        .iter()
        .flat_map(|kind| kind.fields)
        .filter_map(|(_, fate)| match fate {
            Fate::Found(rule) => Some(rule.name),
            _ => None,
        })
        .collect();
    for rule in ["host-namespace", "privileged", "volume", "probe-kind", "stop-signal"] {
        assert!(table.contains(rule), "{rule}");
    }
    assert!(table.iter().all(|name| rules::find(name).is_some()));
}

#[test]
fn the_page_is_what_the_table_says() {
    let page = include_str!("../../../../docs/lint/fields.md");
    assert!(
        page == fields::markdown(),
        "run `cargo run -p triton-lint -- fields > docs/lint/fields.md`"
    );
}
