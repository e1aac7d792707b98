//! Every kind of trouble there is, in one table: name, where it strikes, what happens.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where in the life of a request a fault strikes, in that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FaultScope {
    /// A connection, before anybody has asked for anything; only on a socket.
    Connection,
    /// A request that nobody looks at.
    Request,
    /// Behind everybody's back, at a request that has nothing to do with it.
    BehindBack,
    /// A request that CloudAPI refuses.
    Refusal,
    /// CreateMachine.
    Create,
    /// Reads of instances.
    Read,
    /// DeleteMachine.
    Delete,
    /// Jobs, and what else takes effect later.
    Job,
    /// A request that was carried out and whose answer does not say so.
    Commit,
    /// The body of an answer.
    Body,
    /// The headers and the bytes of an answer.
    Wire,
    /// The changefeed.
    Feed,
}

/// What is known about a kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FaultEntry {
    /// Its name.
    #[serde(rename = "fault")]
    pub kind: FaultKind,
    /// Where it strikes.
    pub scope: FaultScope,
    /// What happens, in a sentence.
    pub effect: &'static str,
    /// Which time it takes if it is not told another; `None`: it takes none.
    #[serde(rename = "delay_ms", serialize_with = "as_millis")]
    pub delay: Option<Duration>,
    /// Which size it takes if it is not told another; `None`: it takes none.
    pub size: Option<u64>,
}

/// A name that is no fault's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a fault{}", super::nearest(name, FaultKind::ALL.map(FaultKind::as_str)))]
pub struct UnknownFault {
    /// What was asked for.
    pub name: String,
}

/// Makes the enum and its table out of one list, so that neither can miss a kind.
macro_rules! catalog {
    ($($kind:ident = $name:literal $scope:ident $([$($field:ident $value:expr),+])? $effect:literal;)+) => {
        /// A kind of trouble. On the control API and in files it goes by its kebab-case name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum FaultKind {
            $(#[doc = $effect] $kind,)+
        }

        const COUNT: usize = [$(FaultKind::$kind),+].len();

        impl FaultKind {
            /// All of them, in the order in which they strike.
            pub const ALL: [Self; COUNT] = [$(Self::$kind),+];
        }

        const NAMES: [&str; COUNT] = [$($name),+];

        const CATALOG: [FaultEntry; COUNT] = [$(
            FaultEntry {
                $($($field: Some($value),)+)?
                ..FaultEntry::new(FaultKind::$kind, FaultScope::$scope, $effect)
            }
        ),+];
    };
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

catalog! {
    ConnectRefused = "connect-refused" Connection [delay seconds(5)]
        "Nothing listens for `delay_ms` at a time: connecting is refused, and connections that are open end after their answer.";
    ConnectDropped = "connect-dropped" Connection [delay seconds(30)]
        "Nobody answers who wants to connect, for `delay_ms` at a time: connecting hangs.";
    ResetOnConnect = "reset-on-connect" Connection
        "The connection is accepted and reset before a request is read.";
    HandshakeStalls = "handshake-stalls" Connection [delay seconds(30)]
        "The connection is accepted, and not a byte is said for `delay_ms`; then it is closed.";

    Slow = "slow" Request [delay seconds(5)]
        "The request waits for `delay_ms`, and is carried out then.";
    ResetBeforeBody = "reset-before-body" Request
        "The connection is reset when the head of the request was read; nothing is carried out.";
    ResetBeforeCommit = "reset-before-commit" Request
        "The connection is reset when the request was read; nothing is carried out.";
    Outage = "outage" Request
        "HAProxy answers 503: no CloudAPI process is there.";
    Hang = "hang" Request [delay seconds(120)]
        "Nothing is carried out; HAProxy gives up after `delay_ms` with 503.";
    Proxy500 = "proxy-500" Request
        "HAProxy answers 500 with its code `InternalServerError`.";
    Proxy400 = "proxy-400" Request
        "HAProxy answers 400 in its shape without a code.";
    Proxy408 = "proxy-408" Request
        "HAProxy answers 408 in its shape without a code.";
    Html502 = "502" Request
        "A proxy that is not Triton's answers 502 with a page of HTML.";
    Html503 = "503" Request
        "A proxy that is not Triton's answers 503 with a page of HTML.";
    Html504 = "504" Request
        "A proxy that is not Triton's answers 504 with a page of HTML.";
    Empty500 = "500-empty" Request "500 without a body.";
    Empty502 = "502-empty" Request "502 without a body.";
    Empty503 = "503-empty" Request "503 without a body.";
    Empty504 = "504-empty" Request "504 without a body.";
    LoginPage = "login-page" Request
        "200 with a page of HTML, as from a captive portal.";
    Redirect = "redirect" Request
        "302 to another host, which a signed request must not follow.";

    BehindBackDeletes = "behind-back-deletes" BehindBack
        "An instance of the account, drawn by luck, is gone.";
    BehindBackStops = "behind-back-stops" BehindBack
        "A running instance of the account, drawn by luck, has stopped.";
    BehindBackFails = "behind-back-fails" BehindBack
        "An instance of the account, drawn by luck, is `failed`.";
    BehindBackRenames = "behind-back-renames" BehindBack
        "An instance of the account, drawn by luck, has another name.";
    BehindBackRetags = "behind-back-retags" BehindBack
        "An instance of the account, drawn by luck, has lost all its tags but one that nobody knows.";
    BehindBackReaddresses = "behind-back-readdresses" BehindBack
        "An instance of the account, drawn by luck, has other addresses.";
    BehindBackMigrates = "behind-back-migrates" BehindBack
        "A running instance of the account, drawn by luck, was stopped and started on another compute node.";

    ClockSkew = "clock-skew" Refusal [delay seconds(600)]
        "The server's clock is ahead by `delay_ms`: its `Date` says so, and a signature with the right time is 400 InvalidHeader.";
    KeyRevoked = "401" Refusal
        "401 InvalidCredentials, as for a key that was taken away.";
    InvalidVersion = "invalid-version" Refusal
        "400 InvalidVersion: no version of the API satisfies the request.";
    NotAuthorized = "403" Refusal
        "403 NotAuthorized, as for a sub-user without a role for this endpoint.";
    NotFound = "404" Refusal
        "404 ResourceNotFound, whether it is there or not.";
    ReadOnly = "read-only" Refusal [delay seconds(600)]
        "503 ServiceUnavailableError for whatever would change something, with Retry-After in `delay_ms`.";
    TooManyRequests = "429" Refusal
        "429 TooManyRequestsError, whatever the real rate, without Retry-After.";
    InternalError = "500" Refusal
        "500 InternalError; the request is not carried out.";
    NoCode500 = "500-no-code" Refusal
        "500 with a message and no code; the request is not carried out.";
    WorkflowDown = "workflow-down" Refusal
        "503 ServiceUnavailableError: the workflow API is down; reads still work.";
    UnallocatedVm = "unallocated-vm" Refusal
        "409 UnallocatedVM for every change of an instance.";

    CreateTwins = "create-twins" Create
        "The name is not looked at, so both of two creates with one name succeed.";
    CreateNameTaken = "create-name-taken" Create
        "409 ValidationFailed: the name is a duplicate, though it is not.";
    CreateNoCapacity = "create-no-capacity" Create
        "409 NoAllocatableServersError: no compute node has room.";
    CreateSubnetFull = "create-subnet-full" Create
        "507 SubnetFull: the network has no free address.";
    CreateQuota = "create-quota" Create
        "403 NotAuthorized: the account's quota is exceeded.";
    CreateAnswerLostAfterCommit = "create-answer-lost-after-commit" Create
        "The instance is made, the connection is reset without an answer.";
    Create500AfterCommit = "create-500-after-commit" Create
        "The instance is made, the answer is 500.";
    CreateAcceptedThenFailed = "create-accepted-then-failed" Create
        "201, then `failed`.";
    StuckProvisioning = "stuck-provisioning" Create
        "201, then `provisioning` for ever.";
    CreateInvisible = "create-invisible" Create [delay seconds(60)]
        "201, and for `delay_ms` neither lists nor GetMachine know the instance.";

    ListShort = "list-short" Read
        "ListMachines leaves out every second instance.";
    ListEmpty = "list-empty" Read
        "ListMachines is empty.";
    ListHidesNew = "list-hides-new" Read [delay seconds(5)]
        "ListMachines leaves out instances younger than `delay_ms`.";
    ListLosesPage = "list-loses-page" Read
        "ListMachines is empty from the second page on.";
    ListSkipsOne = "list-skips-one" Read
        "Every page of ListMachines after the first begins one instance too late.";
    ListRepeatsOne = "list-repeats-one" Read
        "Every page of ListMachines after the first begins with the last instance of the page before.";
    ListShuffled = "list-shuffled" Read
        "The instances of a page of ListMachines are in any order.";
    StaleReads = "stale-reads" Read [delay seconds(30)]
        "ListMachines and GetMachine show which instances there were `delay_ms` ago, in the states of then.";
    StatesUnknown = "states-unknown" Read
        "ListMachines and GetMachine show every instance in state `unknown`, as when its compute node is silent.";
    AuditMissing = "audit-missing" Read
        "MachineAudit is empty.";

    DeleteNeverCompletes = "delete-never-completes" Delete
        "204, then `stopping` for ever.";
    Delete404 = "delete-404" Delete
        "404 ResourceNotFound; the instance stays.";
    Delete410 = "delete-410" Delete
        "410 with the instance's id; the instance stays.";
    DeleteProtected = "delete-protected" Delete
        "409 CannotDestroyMachineError, though nobody asked for deletion protection.";

    JobFails = "job-fails" Job
        "What was accepted is not done; only the audit tells.";
    JobNeverRuns = "job-never-runs" Job
        "What was accepted never begins, nor does what is accepted after it.";
    JobLate = "job-late" Job [delay seconds(30)]
        "What was accepted begins `delay_ms` later: tags, metadata, names and states lag.";
    FirewallLate = "firewall-late" Job [delay seconds(30)]
        "A firewall rule that is made or changed takes effect `delay_ms` later.";

    AnswerLostAfterCommit = "answer-lost-after-commit" Commit
        "The request is carried out, the connection is reset without an answer.";
    Error500AfterCommit = "500-after-commit" Commit
        "The request is carried out, the answer is 500 InternalError.";
    HangAfterCommit = "hang-after-commit" Commit [delay seconds(120)]
        "The request is carried out; HAProxy gives up after `delay_ms` with 503.";
    SlowAfterCommit = "slow-after-commit" Commit [delay seconds(60)]
        "The request is carried out, the answer comes after `delay_ms`.";

    TruncatedJson = "truncated-json" Body
        "The JSON ends in its middle; the HTTP around it is whole.";
    GarbageBody = "garbage-body" Body
        "The body is called JSON, and is bytes that are not even text.";
    EmptyBody = "empty-body" Body
        "The body is missing.";
    WrongTypes = "wrong-types" Body
        "Every field but `id` of the first object is of another type.";
    NullFields = "null-fields" Body
        "Every field but `id` of the first object is null.";
    MissingFields = "missing-fields" Body
        "Every field but `id` of the first object is missing.";
    UnknownState = "unknown-state" Body
        "The first object is in state `hibernating`.";
    OddInstance = "odd-instance" Body
        "The first object is as odd as real instances get: no image, memory null, a null network, an IP `dhcp`, no package.";
    ExtraFields = "extra-fields" Body
        "Every object has fields that nobody knows.";
    DuplicateKeys = "duplicate-keys" Body
        "Every field of the first object is there twice: null, then as it is.";
    DeepNesting = "deep-nesting" Body [size 10_000]
        "The first object has a field that is nested `size` arrays deep.";
    LargeBody = "large-body" Body [size 100_000_000]
        "`size` blanks follow the JSON.";
    EndlessBody = "endless-body" Body
        "The JSON begins and never ends.";

    AnswerCut = "answer-cut" Wire
        "The connection is reset in the middle of the body.";
    SlowLoris = "slow-loris" Wire [delay Duration::from_millis(100)]
        "The body comes one byte in `delay_ms`.";
    ContentLengthLong = "content-length-long" Wire [delay seconds(30)]
        "Content-Length promises more than comes; the connection stays open for `delay_ms`.";
    ContentLengthShort = "content-length-short" Wire
        "Content-Length promises less than comes.";
    NotHttp = "not-http" Wire
        "What comes back is not HTTP.";
    LargeHeader = "large-header" Wire [size 1_000_000]
        "The answer has a header of `size` bytes.";
    ConnectionClose = "connection-close" Wire
        "The answer says `Connection: close`, and so it is.";
    NoDate = "no-date" Wire
        "The answer has no Date.";
    WrongDate = "wrong-date" Wire [delay seconds(86_400)]
        "The answer's Date is ahead by `delay_ms`; the server's clock is right.";
    UnknownApiVersion = "unknown-api-version" Wire
        "Api-Version is one that does not exist.";
    IdleClosed = "idle-408" Wire [delay seconds(5)]
        "When the connection is idle for `delay_ms` after the answer, it gets HAProxy's 408, unasked, and is closed.";
    ConnectionDies = "connection-dies" Wire [delay seconds(120)]
        "After the answer the connection is dead: what is asked on it gets no answer, and after `delay_ms` it is closed.";

    FeedLoses = "feed-loses" Feed
        "An event of the changefeed is not sent.";
    FeedDuplicates = "feed-duplicates" Feed
        "An event of the changefeed is sent twice.";
    FeedReorders = "feed-reorders" Feed
        "The events of a batch of the changefeed come in any order.";
    FeedStalls = "feed-stalls" Feed
        "The changefeed goes quiet, and the connection stays open.";
    FeedCloses = "feed-closes" Feed
        "The changefeed's connection is closed.";
    FeedBogusFrame = "feed-bogus-frame" Feed
        "The changefeed sends a frame that is no event.";
    FeedDeaf = "feed-deaf" Feed
        "A subscription to the changefeed is accepted and never served.";
}

// === impl FaultKind ===

impl FaultKind {
    /// The name on the control API and in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        NAMES[self as usize]
    }

    /// What is known about it.
    #[must_use]
    pub const fn entry(self) -> &'static FaultEntry {
        &CATALOG[self as usize]
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FaultKind {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == name);
        found.ok_or_else(|| UnknownFault { name: name.to_owned() })
    }
}

impl Serialize for FaultKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for FaultKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

// === impl FaultScope ===

impl FaultScope {
    /// All of them, in the order in which they strike.
    pub const ALL: [Self; 12] = [
        Self::Connection,
        Self::Request,
        Self::BehindBack,
        Self::Refusal,
        Self::Create,
        Self::Read,
        Self::Delete,
        Self::Job,
        Self::Commit,
        Self::Body,
        Self::Wire,
        Self::Feed,
    ];

    /// What such a fault strikes, for a heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Connection => "Connections (only on a socket; calls are connections)",
            Self::Request => "Requests that nobody looks at",
            Self::BehindBack => "Behind everybody's back (at any signed request)",
            Self::Refusal => "Requests that CloudAPI refuses",
            Self::Create => "CreateMachine",
            Self::Read => "Reading instances",
            Self::Delete => "DeleteMachine",
            Self::Job => "Jobs, and what else takes effect later",
            Self::Commit => "Carried out, and the answer does not say so",
            Self::Body => "Bodies of answers",
            Self::Wire => "Headers and bytes of answers",
            Self::Feed => "The changefeed",
        }
    }
}

// === impl FaultEntry ===

impl FaultEntry {
    const fn new(kind: FaultKind, scope: FaultScope, effect: &'static str) -> Self {
        Self { kind, scope, effect, delay: None, size: None }
    }

    /// What happens, and the measures it takes if it is not told others.
    #[must_use]
    pub fn description(&self) -> String {
        let delay = self.delay.map(|delay| format!(" `delay_ms`: {}.", delay.as_millis()));
        let size = self.size.map(|size| format!(" `size`: {size}."));
        let parts = [Some(self.effect.to_owned()), delay, size];
        parts.into_iter().flatten().collect()
    }
}

fn as_millis<S: Serializer>(delay: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    delay.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_are_there_once() {
        for kind in FaultKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(kind.entry().kind, kind);
        }
    }

    #[test]
    fn the_catalog_is_in_the_order_of_scopes() {
        assert!(FaultKind::ALL.is_sorted_by_key(|kind| kind.entry().scope));
        assert!(FaultScope::ALL.is_sorted());
    }

    #[test]
    fn whoever_errs_is_told_the_nearest_name() {
        let told = "outrage".parse::<FaultKind>().unwrap_err().to_string();
        assert_eq!(told, "\"outrage\" is not a fault; did you mean \"outage\"?");
    }
}
