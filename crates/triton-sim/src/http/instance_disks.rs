//! Disks of a bhyve instance. It must be stopped to change them.

use serde_json::{Value, json};

use super::{Answer, Call, Reply, Route};
use crate::refusal::Refusal;
use crate::version::ApiVersion;
use crate::world::{Brand, DISKS_MAX, Disk, InstanceState, JobKind, too_many_disks};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/machines/:machine/disks", "ListMachineDisks", "machines", list)
        .since(ApiVersion(7, 2, 0)),
    Route::post("/:account/machines/:machine/disks", "CreateMachineDisk", "machines", create)
        .since(ApiVersion(7, 2, 0)),
    Route::get("/:account/machines/:machine/disks/:disk", "GetMachineDisk", "machines", get)
        .since(ApiVersion(7, 2, 0)),
    Route::post("/:account/machines/:machine/disks/:disk", "ResizeMachineDisk", "machines", resize)
        .since(ApiVersion(7, 2, 0)),
    Route::delete(
        "/:account/machines/:machine/disks/:disk",
        "DeleteMachineDisk",
        "machines",
        delete,
    )
    .since(ApiVersion(7, 2, 0)),
];

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let disks = call.instance()?.disks_json();
    let count = disks.len();
    Ok(Reply::json(200, disks.into()).header("x-resource-count", count).into())
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let disk = disk(call)?;
    Ok(Answer::ok(disk.to_json(call.instance()?.disk_state(&disk))))
}

/// 202 without a body; with a slot given 200, and the disk as it will be.
fn create(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let instance = call.instance()?;
    if instance.brand != Brand::Bhyve {
        return Err(Refusal::invalid_argument("Disk Creation is supported only for BHYVE VMs"));
    }
    must_be_stopped(call)?;
    let wanted = size_param(call)?;
    let is_remaining = wanted.as_str() == Some("remaining");
    let number = as_number(&wanted);
    if !is_remaining && number.is_none() {
        return Err(Refusal::invalid_argument("size must be a number"));
    }
    let slot = match call.params.get("pci_slot") {
        None => None,
        Some(slot) => match slot.as_str().filter(|slot| is_pci_slot(slot)) {
            Some(slot) => Some(slot.to_owned()),
            None => return Err(Refusal::invalid_argument("pci_slot has wrong format")),
        },
    };
    if instance.disks.len() >= DISKS_MAX {
        return Err(too_many_disks());
    }
    if is_remaining && !instance.flexible_disk {
        return Err(Refusal::invalid_argument(
            "remaining is only supported for VMs created with flexible_disk_size packages",
        ));
    }
    let taken = |slot: &str| instance.disks.iter().any(|disk| disk.pci_slot == slot);
    if slot.as_deref().is_some_and(taken) {
        return Err(invalid_parameter("pci_slot", "Already in use"));
    }
    must_be_flexible(call)?;
    let free_mib = instance.free_disk_mib();
    let size = number.filter(|_| !is_remaining).unwrap_or(free_mib);
    if size > free_mib {
        return Err(no_space());
    }
    let Some(size_mib) = u64::try_from(size).ok().filter(|size| *size > 0) else {
        return Err(invalid_parameter("size", "Must be greater than zero"));
    };
    let id = instance.id;
    let disk = match &slot {
        Some(slot) => Disk::in_slot(id, slot, size_mib),
        None => Disk::in_slot(id, &instance.free_pci_slot(), size_mib),
    };
    let body = disk.to_json("creating");
    let location = format!("/{}/machines/{id}/disks/{}", call.account()?.login, disk.id);
    let kind = JobKind::CreateDisk(disk, slot.is_some());
    call.world.submit(id, kind, call.caller.clone(), call.now);
    Ok(match slot {
        Some(_) => Reply::json(200, body).header("location", location).into(),
        None => Answer::empty(202),
    })
}

fn resize(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let disk = disk(call)?;
    must_be_stopped(call)?;
    let Some(size) = as_number(&size_param(call)?) else {
        return Err(Refusal::invalid_argument("size must be a number"));
    };
    let shrinks = match call.params.get("dangerous_allow_shrink") {
        None => false,
        Some(Value::Bool(shrinks)) => *shrinks,
        Some(_) => {
            return Err(Refusal::invalid_argument("dangerous_allow_shrink must be a boolean"));
        }
    };
    must_be_flexible(call)?;
    let current = i64::try_from(disk.size_mib).unwrap_or(i64::MAX);
    if current > size && !shrinks {
        return Err(invalid_parameter("size", "Reducing disk size is a dangerous operation"));
    }
    let instance = call.instance()?;
    if size - current > instance.free_disk_mib() {
        return Err(no_space());
    }
    let Ok(size_mib) = u64::try_from(size) else {
        return Err(invalid_parameter("size", "Not a valid number"));
    };
    let id = instance.id;
    let kind = JobKind::ResizeDisk(disk.id, size_mib);
    call.world.submit(id, kind, call.caller.clone(), call.now);
    Ok(Answer::ok(disk.to_json("resizing")))
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let disk = disk(call)?;
    must_be_stopped(call)?;
    if disk.boot {
        return Err(invalid_parameter("slot", "Cannot remove boot disk"));
    }
    must_be_flexible(call)?;
    let id = call.instance_id()?;
    call.world.submit(id, JobKind::DeleteDisk(disk.id), call.caller.clone(), call.now);
    Ok(Answer::empty(204))
}

fn disk(call: &Call<'_>) -> Result<Disk, Refusal> {
    let wanted = call.params.str("disk").unwrap_or_default();
    let mut disks = call.instance()?.disks.iter();
    let disk = disks.find(|disk| disk.id.to_string() == wanted);
    disk.cloned().ok_or_else(|| Refusal::not_found("disk not found"))
}

fn must_be_stopped(call: &Call<'_>) -> Result<(), Refusal> {
    if call.instance()?.state != InstanceState::Stopped {
        return Err(Refusal::invalid_argument("VM must be stopped"));
    }
    Ok(())
}

fn must_be_flexible(call: &Call<'_>) -> Result<(), Refusal> {
    let instance = call.instance()?;
    if instance.brand != Brand::Bhyve {
        let message = "Can only resize disks on bhyve VMs";
        return Err(Refusal::new(409, "BrandNotSupported", message));
    }
    if !instance.flexible_disk {
        let message = "VM does not have flexible disk sizing enabled";
        return Err(Refusal::new(409, "VmWithoutFlexibleDiskSize", message));
    }
    Ok(())
}

fn size_param(call: &Call<'_>) -> Result<Value, Refusal> {
    let missing = || Refusal::new(409, "MissingParameter", "size must be specified");
    let size = call.params.get("size").filter(|size| **size != json!("") && **size != json!(0));
    size.cloned().ok_or_else(missing)
}

fn as_number(size: &Value) -> Option<i64> {
    size.as_i64().or_else(|| size.as_str().and_then(|text| text.trim().parse().ok()))
}

/// `/^[0-9]{1,3}:[0-9]{1,2}:[0-7]$/`
fn is_pci_slot(text: &str) -> bool {
    let digits = |part: &str, max: usize| {
        (1..=max).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    match text.split(':').collect::<Vec<_>>().as_slice() {
        [bus, device, function] => {
            digits(bus, 3) && digits(device, 2) && digits(function, 1) && *function < "8"
        }
        _ => false,
    }
}

/// VMAPI's validation answer to a request about disks.
fn invalid_parameter(field: &str, message: &str) -> Refusal {
    let refusal = Refusal::validation(field, "Invalid", message);
    Refusal { message: "Invalid Parameters".to_owned(), ..refusal }
}

fn no_space() -> Refusal {
    Refusal::new(409, "InsufficientDiskSpace", "VM does not have sufficient free disk")
}

#[cfg(test)]
mod tests {
    use super::is_pci_slot;

    #[test]
    fn slots_are_bus_device_and_function() {
        for (slot, good) in [
            ("0:4:0", true),
            ("123:45:7", true),
            ("0:4:8", false),
            ("0:4", false),
            ("0:4:0:0", false),
            ("1234:4:0", false),
            ("a:4:0", false),
            ("", false),
        ] {
            assert_eq!(is_pci_slot(slot), good, "{slot}");
        }
    }
}
