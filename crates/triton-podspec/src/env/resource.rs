//! `valueFrom.resourceFieldRef`: requests and limits of the container.

use k8s_openapi::api::core::v1::{ResourceFieldSelector, ResourceRequirements};
use triton_cloudapi::packages::Package;

use crate::diagnostic::{Findings, quote};
use crate::inputs::Inputs;
use crate::quantity::{Amount, Unit};
use crate::rules;

/// The amount divided by the divisor, rounded up. A limit that is not set is the size of the package.
pub(super) fn value(
    inputs: &Inputs<'_>,
    package: Option<&Package>,
    field: &ResourceFieldSelector,
    path: &str,
    findings: &mut Findings,
) -> Option<String> {
    let container = inputs.container()?;
    if let Some(other) =
        field.container_name.as_deref().filter(|name| !name.is_empty() && *name != container.name)
    {
        findings.add(
            &rules::UNSUPPORTED_ENV_SOURCE,
            format!("{path}.containerName"),
            format!(
                "the pod has no container {}; its only one is {:?}",
                quote(other),
                container.name
            ),
        );
        return None;
    }
    let divisor = match field.divisor.as_ref().filter(|divisor| !divisor.0.is_empty()) {
        None => Amount::whole(1),
        Some(divisor) => match Amount::parse(divisor).filter(|divisor| *divisor >= Amount::ZERO) {
            Some(divisor) => divisor,
            None => {
                findings.add(
                    &rules::MALFORMED_QUANTITY,
                    format!("{path}.divisor"),
                    format!("{} is no quantity to divide by", quote(&divisor.0)),
                );
                return None;
            }
        },
    };
    let Some((group, resource)) =
        field.resource.split_once('.').filter(|(group, resource)| is_known(group, resource))
    else {
        findings.add(
            &rules::UNSUPPORTED_ENV_SOURCE,
            format!("{path}.resource"),
            format!(
                "{} is no resource that a variable can hold; limits and requests of cpu, memory, ephemeral-storage \
                 and hugepages-SIZE are",
                quote(&field.resource)
            ),
        );
        return None;
    };
    let amount = match amount(container.resources.as_ref(), group, resource) {
        Asked::Amount(amount) => amount,
        Asked::Unreadable => return None,
        Asked::Nothing if group == "requests" => Amount::ZERO,
        Asked::Nothing => of_package(package?, resource),
    };
    let unit = if resource == "cpu" { Unit::Milli } else { Unit::Whole };
    Some(amount.divided(divisor, unit).to_string())
}

fn is_known(group: &str, resource: &str) -> bool {
    matches!(group, "limits" | "requests")
        && (matches!(resource, "cpu" | "memory" | "ephemeral-storage")
            || resource.starts_with("hugepages-"))
}

/// What a container asks for of one resource.
enum Asked {
    Amount(Amount),
    Nothing,
    /// Found and reported where the package is chosen.
    Unreadable,
}

/// The API server fills requests from limits; do so for manifests that it has not seen.
fn amount(resources: Option<&ResourceRequirements>, group: &str, resource: &str) -> Asked {
    let Some(resources) = resources else { return Asked::Nothing };
    let limit = resources.limits.as_ref().and_then(|limits| limits.get(resource));
    let request = resources.requests.as_ref().and_then(|requests| requests.get(resource));
    let quantity = if group == "limits" { limit } else { request.or(limit) };
    match quantity {
        None => Asked::Nothing,
        Some(quantity) => Amount::parse(quantity).map_or(Asked::Unreadable, Asked::Amount),
    }
}

fn of_package(package: &Package, resource: &str) -> Amount {
    match resource {
        "cpu" => Amount::whole(u64::from(package.vcpus.unwrap_or(0))),
        "memory" => Amount::mib(package.memory_mib),
        "ephemeral-storage" => Amount::mib(package.disk_mib),
        _ => Amount::ZERO,
    }
}
