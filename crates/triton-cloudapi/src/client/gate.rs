//! Leave to change something, asked for at the last moment: before each attempt, and once more when its first byte goes
//! out.

pub(super) mod wire;

use std::error::Error as StdError;
use std::sync::Arc;

use http::Method;

use super::error::{BoxError, Error};

/// Whether changes may be sent now; an error says why not. It is asked often, so it must be quick.
pub type Gate = Arc<dyn Fn() -> Result<(), BoxError> + Send + Sync>;

/// A change that the gate refused on the threshold of the wire.
#[derive(Debug, thiserror::Error)]
#[error("changes are not allowed now")]
pub(crate) struct Refused(#[source] pub(crate) BoxError);

/// Asks for a request, if it changes anything. `was_sent` says whether an earlier attempt may have got there.
pub(super) fn ask(gate: Option<&Gate>, method: &Method, was_sent: bool) -> Result<(), Error> {
    match gate {
        Some(gate) if is_change(method) => {
            gate().map_err(|source| Error::Gated { sent: was_sent, source })
        }
        _ => Ok(()),
    }
}

/// The refusal among the causes of an error, if it is one.
pub(super) fn refusal(error: &BoxError) -> Option<&Refused> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error.as_ref());
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<Refused>() {
            return Some(refused);
        }
        // An io::Error leaves what it was made of out of its sources.
        let inside = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = match inside {
            Some(inside) => Some(inside),
            None => error.source(),
        };
    }
    None
}

/// Whether a request of this method may change anything (RFC 9110, section 9.2.1).
fn is_change(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
}
