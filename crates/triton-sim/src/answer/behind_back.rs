//! What happens to instances while somebody asks for something else.

use uuid::Uuid;

use crate::faults::FaultKind;
use crate::http::Call;
use crate::world::{ChangedBy, Deed, InstanceState};

/// Which fault does what.
const DEEDS: [(FaultKind, Deed); 7] = [
    (FaultKind::BehindBackDeletes, Deed::Enter(InstanceState::Deleted)),
    (FaultKind::BehindBackStops, Deed::Enter(InstanceState::Stopped)),
    (FaultKind::BehindBackFails, Deed::Enter(InstanceState::Failed)),
    (FaultKind::BehindBackRenames, Deed::Rename(None)),
    (FaultKind::BehindBackRetags, Deed::Retag(None)),
    (FaultKind::BehindBackReaddresses, Deed::Readdress),
    (FaultKind::BehindBackMigrates, Deed::Migrate),
];

/// Lets the faults that are set happen to instances of the account. One that finds no instance is not used up.
pub(super) fn behind_back(call: &mut Call<'_>) {
    for (kind, deed) in DEEDS {
        let can_be_done = |state| match &deed {
            Deed::Enter(InstanceState::Stopped) | Deed::Migrate => state == InstanceState::Running,
            // While it is provisioned there is nothing yet to change.
            _ => matches!(state, InstanceState::Running | InstanceState::Stopped),
        };
        let of_account = call.world.active_of(call.account);
        let victims: Vec<Uuid> =
            of_account.filter(|i| can_be_done(i.state)).map(|i| i.id).collect();
        if victims.is_empty() || call.strikes(kind).is_none() {
            continue;
        }
        let victim = victims[call.faults.draw(victims.len())];
        call.world.journal.begin_by(ChangedBy::Operator);
        call.world.do_behind_back(victim, deed, call.now);
        call.world.settle(call.now);
    }
}
