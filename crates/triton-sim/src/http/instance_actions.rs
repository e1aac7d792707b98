//! `POST /:account/machines/:machine?action=…`: accepted at once, carried out later.

use super::{Answer, Call, Route};
use crate::refusal::Refusal;
use crate::world::{
    Brand, InstanceState, JobKind, NAME_LENGTH_MAX, check_dns_length, check_name, duplicate,
};

pub(super) const ROUTES: &[Route] =
    &[Route::post("/:account/machines/:machine", "UpdateMachine", "machines", update)];

fn update(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let action = call.params.str("action").ok_or_else(|| Refusal::missing_parameter("action"))?;
    let kind = match action {
        "start" => JobKind::Start,
        "stop" => JobKind::Stop,
        "reboot" => JobKind::Reboot,
        "rename" => rename(call)?,
        "resize" => resize(call)?,
        "enable_firewall" => JobKind::SetFirewall(true),
        "disable_firewall" => JobKind::SetFirewall(false),
        "enable_deletion_protection" => JobKind::SetDeletionProtection(true),
        "disable_deletion_protection" => JobKind::SetDeletionProtection(false),
        other => return Err(Refusal::invalid_argument(format!("{other} is not a valid action"))),
    };
    let instance = call.instance()?;
    if kind == JobKind::SetDeletionProtection(instance.deletion_protection) {
        // It is so already: no job.
        return Ok(Answer::empty(202));
    }
    if instance.state == InstanceState::Provisioning {
        return Err(Refusal::unallocated());
    }
    check(call, &kind)?;
    let id = call.instance_id()?;
    call.world.submit(id, kind, call.caller.clone(), call.now);
    Ok(Answer::empty(202))
}

/// What VMAPI looks at, after CloudAPI.
fn check(call: &Call<'_>, kind: &JobKind) -> Result<(), Refusal> {
    let instance = call.instance()?;
    match kind {
        JobKind::Rename(name) => {
            check_name(name, call.account()?.cns_enabled)?;
            if call.world.is_name_taken(call.account, name, Some(instance.id)) {
                return Err(duplicate());
            }
            Ok(())
        }
        JobKind::Resize { memory_mib, disk_mib, .. } => {
            call.world.check_resize(instance, *memory_mib, *disk_mib)
        }
        _ => Ok(()),
    }
}

/// Too long for VMAPI, or for DNS, CloudAPI itself refuses.
fn rename(call: &Call<'_>) -> Result<JobKind, Refusal> {
    let missing = || Refusal::new(409, "MissingParameter", "New name must be specified");
    let name = call.params.str("name").ok_or_else(missing)?;
    if name.len() > NAME_LENGTH_MAX {
        return Err(Refusal::invalid_argument("Name cannot be longer than 189 characters."));
    }
    check_dns_length(name, call.account()?.cns_enabled)?;
    Ok(JobKind::Rename(name.to_owned()))
}

/// Resizing fits no kernel-based virtual machine, and a bhyve one only to a package with flexible disks.
fn resize(call: &Call<'_>) -> Result<JobKind, Refusal> {
    let instance = call.instance()?;
    if instance.brand == Brand::Kvm {
        return Err(Refusal::invalid_argument("resize is not supported for KVM virtualmachines"));
    }
    let missing = || Refusal::new(409, "MissingParameter", "package must be specified");
    let wanted = call.params.str("package").ok_or_else(missing)?;
    let package = call.world.catalog.find_package(wanted);
    let package = package.ok_or_else(|| Refusal::not_found("package not found"))?;
    let image = call.world.catalog.find_image(instance.image);
    if let Some(min) = image.and_then(|image| image.min_memory_mib)
        && package.memory_mib < min
    {
        return Err(Refusal::invalid_argument(format!(
            "Package RAM ({}) is less than allowed by the image ({min})",
            package.memory_mib
        )));
    }
    if instance.brand == Brand::Bhyve && !package.flexible_disk {
        return Err(Refusal::invalid_argument(
            "Resizing to a package without flexible disk space is not supported",
        ));
    }
    if package.brand.is_some_and(|brand| brand != instance.brand) {
        return Err(Refusal::invalid_argument(
            "Resizing to a package with differing traits not supported",
        ));
    }
    let (brand, id) = (instance.brand.as_str(), instance.id);
    call.world.check_quota(call.account, brand, image, package, Some(id))?;
    Ok(JobKind::Resize {
        name: package.name.clone(),
        memory_mib: package.memory_mib,
        disk_mib: package.disk_mib,
    })
}
