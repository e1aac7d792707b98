//! The changefeed's door; what is behind it is in `feed`.

use super::{Answer, Call, Route, Upgrade};
use crate::refusal::Refusal;

pub(super) const ROUTES: &[Route] =
    &[Route::get_only("/:account/changefeed", "changefeed", "changefeed", follow)];

fn follow(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let login = call.account()?.login.clone();
    Ok(Answer::upgrade(Upgrade::Changefeed { account: call.account, login }))
}
