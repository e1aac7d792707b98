//! Listing, making, reading and deleting instances.

use http::StatusCode;

use super::{CreateInstance, Instance, ListInstances, Presence};
use crate::answer::{json, page};
use crate::endpoint::{Endpoint, Group, Idempotency, Priority};
use crate::ids::InstanceId;
use crate::page::Page;
use crate::request::{Answer, AnswerError, Request, RequestError};
use crate::target::Target;

pub(super) const LIST: Endpoint = Endpoint::read("ListMachines", Group::Machines);
pub(super) const CREATE: Endpoint = Endpoint::once("CreateMachine", Group::Machines);
/// Reads of one instance mostly confirm a delete, so they go with them.
pub(super) const GET: Endpoint =
    Endpoint::new("GetMachine", Group::Machines, Idempotency::Read, Priority::Delete);
pub(super) const DELETE: Endpoint = Endpoint::remove("DeleteMachine", Group::Machines);

/// CreateMachine. Sent twice, it makes two instances.
///
/// # Errors
///
/// What [`CreateInstance::check`] finds, and [`RequestError::TooLarge`].
pub fn create(create: &CreateInstance) -> Result<Request<Instance>, RequestError> {
    create.check()?;
    CREATE
        .post(&Target::new("/machines"), &create.to_body()?, json)?
        .with_role_tags(&create.role_tags)
}

/// ListMachines, one page.
///
/// # Errors
///
/// [`RequestError::Invalid`] for a limit out of 1-1000 and for filters that the server would not understand.
pub fn list(list: &ListInstances) -> Result<Request<Page<Instance>>, RequestError> {
    LIST.get(&list.target()?, page)
}

/// GetMachine, where not being there is an answer and not an error.
///
/// # Errors
///
/// [`RequestError`].
pub fn find(id: InstanceId) -> Result<Request<Presence>, RequestError> {
    GET.get(&path(id), move |answer| presence(id, answer))
}

/// GetMachine with the passwords that the server made for the guest: see [`super::Metadata::credentials`].
///
/// # Errors
///
/// [`RequestError`].
pub fn find_with_credentials(id: InstanceId) -> Result<Request<Presence>, RequestError> {
    GET.get(&path(id).query("credentials", "true"), move |answer| presence(id, answer))
}

/// DeleteMachine. That it is gone already (404, 410) is success.
///
/// # Errors
///
/// [`RequestError`].
pub fn delete(id: InstanceId) -> Result<Request<()>, RequestError> {
    DELETE.delete(&path(id))
}

/// An instance's path.
pub(crate) fn path(id: InstanceId) -> Target {
    Target::new("/machines").segment(id)
}

fn presence(id: InstanceId, answer: &Answer<'_>) -> Result<Presence, AnswerError> {
    match answer.status {
        StatusCode::NOT_FOUND => Ok(Presence::NotFound),
        StatusCode::GONE => {
            // The status is the fact; the body is a courtesy, and its shape has varied.
            let instance =
                serde_json::from_slice(answer.body).unwrap_or_else(|_| Instance::destroyed(id));
            Ok(Presence::Destroyed(Box::new(instance)))
        }
        _ => Ok(Presence::Present(Box::new(json(answer)?))),
    }
}

#[cfg(test)]
mod tests;
