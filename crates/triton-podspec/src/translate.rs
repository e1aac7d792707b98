//! From pod to instance.

use triton_cloudapi::instances::CreateInstance;

use crate::diagnostic::Findings;
use crate::env::environment;
use crate::inputs::Inputs;
use crate::ownership::Owner;
use crate::plan::{InstancePlan, Translation};
use crate::{
    affinity, annotations, brand, described, firewall, image, labels, metadata, name, networks,
    ownership, package, pod_affinity, restart, size, unsupported, user_data,
};

/// What the pod becomes, with every finding there is, not only the first.
///
/// Total: bad input is a finding. The instance is `None` exactly when one of the findings keeps the pod from running.
/// The request itself carries no deletion protection, or a half-made instance could not be taken back; see
/// [`InstancePlan::deletion_protection`].
#[must_use]
pub fn translate(inputs: &Inputs<'_>) -> Translation {
    let mut findings = Findings::default();
    let mut choices = Vec::new();
    unsupported::unsupported(inputs, &mut findings);
    annotations::check(inputs, &mut findings);
    restart::check(inputs, &mut findings);
    let image = image::image(inputs, &mut findings, &mut choices);
    let (brand, isolation) = brand::brand(inputs, image, &mut findings);
    let package = package::package(inputs, image, &isolation, &mut findings, &mut choices);
    let networks = networks::networks(inputs, &mut findings);
    let mut affinity = affinity::affinity(inputs, &mut findings);
    affinity.extend(pod_affinity::pod_affinity(inputs, &mut findings));
    let mut tags = labels::tags(inputs, &mut findings);
    let environment = environment(inputs, package, &mut findings);
    let mut metadata = metadata::metadata(inputs, &mut findings);
    tags.extend(described::record(tags.keys(), metadata.keys()));
    metadata.insert(metadata::USER_DATA.to_owned(), user_data::user_data(environment));
    let firewall = firewall::firewall(inputs, &mut findings);
    let deletion_protection =
        annotations::flag(inputs, annotations::DELETION_PROTECTION, &mut findings);

    let owner = Owner::of(inputs.pod, inputs.cluster, inputs.node);
    tags.extend(ownership::tags(&owner));
    tags.extend(firewall.tags);
    if deletion_protection {
        tags.extend([ownership::protected_tag()]);
    }
    let create = CreateInstance {
        name: name::instance_name(&owner.name, &owner.uid),
        package: package.map(|package| package.id.to_string()).unwrap_or_default(),
        image: image.map(|image| image.id.to_string()).unwrap_or_default(),
        networks: networks.map(|networks| networks.into_iter().map(Into::into).collect()),
        affinity,
        metadata,
        tags,
        brand,
        firewall_enabled: firewall.enabled,
        ..CreateInstance::default()
    };
    size::check(&create, &mut findings);
    let instance = findings.can_run().then_some(InstancePlan {
        create,
        firewall_rules: firewall.rules,
        deletion_protection,
        choices,
    });
    Translation { instance, diagnostics: findings.into_vec() }
}
