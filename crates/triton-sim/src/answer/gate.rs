//! Everything that may refuse a call whose caller is known, before its handler runs.

use http::Method;

use super::Arrived;
use super::behind_back::behind_back;
use crate::clock::add;
use crate::faults::FaultKind;
use crate::http::{Asking, Call, Route, authorize, load};
use crate::refusal::Refusal;
use crate::sim::ReadOnly;
use crate::throttle::Throttle;

/// Who stands between a call and its handler.
pub(super) struct Gate<'a> {
    pub(super) route: &'a Route,
    pub(super) arrived: &'a Arrived,
    pub(super) throttle: &'a mut Throttle,
    pub(super) read_only: Option<&'a ReadOnly>,
}

/// The account of the datacenter's own administrator may call as fast as it likes.
const UNTHROTTLED: &str = "admin";
const UPGRADED: &str = "This Triton data center is being upgraded";

// === impl Gate ===

impl Gate<'_> {
    /// Lets a call through: loaders, authorization, read-only mode and throttle have nothing against it.
    ///
    /// # Errors
    /// What CloudAPI answers in its place.
    pub(super) fn admit(self, call: &mut Call<'_>, asking: &Asking<'_>) -> Result<(), Refusal> {
        if !self.route.signed {
            return Ok(());
        }
        if !call.faults.is_empty() {
            behind_back(call);
        }
        load(call)?;
        authorize(call, self.route, asking)?;
        if call.strikes(FaultKind::NotAuthorized).is_some() {
            let name = call.trouble.endpoint.to_lowercase();
            let message = format!("no role of this account allows {name}");
            return Err(Refusal::not_authorized(message));
        }
        if call.strikes(FaultKind::NotFound).is_some() {
            return Err(Refusal::not_found(format!("{} not found", self.arrived.uri.path())));
        }
        self.check_read_only(call)?;
        if call.strikes(FaultKind::TooManyRequests).is_some() {
            return Err(self.throttle.refusal());
        }
        let caller = &asking.caller.account;
        if caller.login != UNTHROTTLED {
            self.throttle.admit(caller.id, self.route.group, call.now)?;
        }
        if call.strikes(FaultKind::InternalError).is_some() {
            return Err(Refusal::internal("Internal Error"));
        }
        if call.strikes(FaultKind::NoCode500).is_some() {
            return Err(Refusal::without_code("connect ECONNREFUSED"));
        }
        self.check_workflows(call)
    }

    fn check_read_only(&self, call: &mut Call<'_>) -> Result<(), Refusal> {
        if !self.changes_something() {
            return Ok(());
        }
        let strike = call.strikes(FaultKind::ReadOnly);
        let until = match (self.read_only, strike) {
            (Some(read_only), _) => read_only.until,
            (None, Some(strike)) => Some(add(self.arrived.came, strike.delay)),
            (None, None) => return Ok(()),
        };
        let refusal = Refusal::new(503, "ServiceUnavailableError", UPGRADED);
        Err(Refusal { retry_after: until, ..refusal })
    }

    /// What needs a job, and an instance that can have one. Tags and metadata are exempt from the latter.
    fn check_workflows(&self, call: &mut Call<'_>) -> Result<(), Refusal> {
        if !self.changes_something() {
            return Ok(());
        }
        if call.strikes(FaultKind::WorkflowDown).is_some() {
            let message = "Workflow API unavailable";
            return Err(Refusal::new(503, "ServiceUnavailableError", message));
        }
        let is_change_of_instance = call.params.str("machine").is_some()
            && !["tags", "metadata"].iter().any(|part| self.route.path.contains(part));
        if is_change_of_instance && call.strikes(FaultKind::UnallocatedVm).is_some() {
            return Err(Refusal::unallocated());
        }
        Ok(())
    }

    fn changes_something(&self) -> bool {
        matches!(self.arrived.method, Method::POST | Method::PUT | Method::DELETE)
    }
}
