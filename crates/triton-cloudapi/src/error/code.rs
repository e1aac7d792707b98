//! CloudAPI's error codes, its own and those of the services behind it.

use std::fmt;

use http::StatusCode;

/// Makes the enum, its texts, and the way back from a text.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident => $text:literal $(| $alias:literal)*,)+) => {
        /// CloudAPI's error code, with a `…Error` suffix taken off, since the server spells it both ways.
        ///
        /// [`super::ApiError::raw_code`] is the text as it came.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ $variant,)+
            /// Any other code, as it came; empty when the body had none.
            Other(String),
        }

        impl From<&str> for ErrorCode {
            /// Takes a code with or without the suffix `Error`.
            fn from(text: &str) -> Self {
                match text.strip_suffix("Error").unwrap_or(text) {
                    $($text $(| $alias)* => Self::$variant,)+
                    _ => Self::Other(text.to_owned()),
                }
            }
        }

        impl ErrorCode {
            /// The code without the suffix `Error`.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }

            #[cfg(test)]
            pub(super) const KNOWN: &[Self] = &[$(Self::$variant,)+];
        }
    };
}

codes! {
    /// 409: a parameter's value is wrong.
    InvalidArgument => "InvalidArgument",
    /// 409: a parameter is absent.
    MissingParameter => "MissingParameter",
    /// 409: a service refused the values; see [`super::ApiError::errors`].
    ValidationFailed => "ValidationFailed",
    /// 409: the volume service refused the values. (Its code is `ValidationError`, of which the suffix is a part.)
    Validation => "Validation",
    /// 422: the network or firewall service refused the values; see [`super::ApiError::errors`].
    InvalidParameters => "InvalidParameters",
    /// 400: the request cannot be read.
    BadRequest => "BadRequest",
    /// 400: the body is no JSON.
    InvalidContent => "InvalidContent",
    /// 400: the body is not what its `Content-MD5` says.
    BadDigest => "BadDigest",
    /// 400: no such version of the API.
    InvalidVersion => "InvalidVersion",
    /// 400: a header is malformed, or the clock is off.
    InvalidHeader => "InvalidHeader",
    /// 400: the request's date is too old.
    RequestExpired => "RequestExpired",
    /// 401: signature, key or account unknown.
    InvalidCredentials => "InvalidCredentials",
    /// 403: not allowed, or a quota is exhausted.
    NotAuthorized => "NotAuthorized",
    /// 403: it belongs to another account.
    Forbidden => "Forbidden",
    /// 404.
    ResourceNotFound => "ResourceNotFound",
    /// 404: no such volume.
    VolumeNotFound => "VolumeNotFound",
    /// 405: no such method for this path.
    MethodNotAllowed => "MethodNotAllowed" | "BadMethod",
    /// 406: the server cannot answer in the form that was asked for.
    NotAcceptable => "NotAcceptable" | "WrongAccept",
    /// 409: it is in a state in which that cannot be done.
    Conflict => "Conflict",
    /// 412: a condition does not hold.
    PreconditionFailed => "PreconditionFailed",
    /// 413: the body is larger than 100 000 bytes.
    PayloadTooLarge => "PayloadTooLarge" | "RequestTooLarge",
    /// 415: the body is of a type that the server does not read.
    UnsupportedMediaType => "UnsupportedMediaType",
    /// 429: throttled.
    TooManyRequests => "TooManyRequests" | "RequestThrottled",
    /// 409: the instance has no server yet; try again later.
    UnallocatedVm => "UnallocatedVM",
    /// 409: the instance must run for that.
    VmNotRunning => "VmNotRunning",
    /// 409: the instance must be stopped for that.
    VmNotStopped => "VmNotStopped",
    /// 409: the instance's package does not let its disks be divided.
    VmWithoutFlexibleDiskSize => "VmWithoutFlexibleDiskSize",
    /// 409: the package's disk is used up.
    InsufficientDiskSpace => "InsufficientDiskSpace",
    /// 409: instances of this brand cannot do that.
    BrandNotSupported => "BrandNotSupported",
    /// 409: no compute node can hold the instance.
    NoAllocatableServers => "NoAllocatableServers" | "InsufficientCapacity",
    /// 409: no compute node can hold the volume.
    VolumeServerNoResources => "VolumeServerNoResources",
    /// 409: deletion protection is on.
    CannotDestroyMachine => "CannotDestroyMachine",
    /// 409: the account has no SSH key.
    KeyRequired => "KeyRequired",
    /// 409: packages with this prefix cannot be on that fabric.
    InvalidFabricPackage => "InvalidFabricPackage",
    /// 409: the account has no default fabric network.
    DefaultFabricNetworkNotConfigured => "DefaultFabricNetworkNotConfigured",
    /// 409: networks that a volume cannot be on.
    InvalidNetworks => "InvalidNetworks",
    /// 409: the volumes are on other networks than the instance.
    VolumesNotReachable => "VolumesNotReachable",
    /// 409: the volume's name is taken.
    VolumeAlreadyExists => "VolumeAlreadyExists",
    /// 409: the volume is mounted.
    VolumeInUse => "VolumeInUse",
    /// 409: no volume is that large.
    VolumeSizeNotAvailable => "VolumeSizeNotAvailable",
    /// 422: it is in use.
    InUse => "InUse",
    /// 507: the network has no free address.
    SubnetFull => "SubnetFull",
    /// 507: none of the pool's networks has a free address.
    SubnetsExhausted => "SubnetsExhausted",
    /// 400: the instance is of a brand without a screen.
    MachineHasNoVnc => "MachineHasNoVNC",
    /// 400: the instance is stopped, so it has no screen.
    MachineStopped => "MachineStopped",
    /// 400: that is for WebSockets.
    UpgradeRequired => "UpgradeRequired",
    /// 409: an image of this id is there already.
    ImageUuidAlreadyExists => "ImageUuidAlreadyExists",
    /// 422: the image belongs to another account.
    NotImageOwner => "NotImageOwner",
    /// 422: the image was not shared with the account.
    ImageNotShared => "ImageNotShared",
    /// 422: the image that this one builds on is not active.
    OriginIsNotActive => "OriginIsNotActive",
    /// 422: the compute node is too old for that.
    InsufficientServerVersion => "InsufficientServerVersion",
    /// 501 or 409: switched off here.
    NotAvailable => "NotAvailable",
    /// 501: switched off here.
    NotImplemented => "NotImplemented",
    /// 302: it is elsewhere.
    ResourceMoved => "ResourceMoved",
    /// 500.
    Internal => "Internal" | "InternalServer",
    /// 503: maintenance, or the proxy in front of CloudAPI has no server to ask.
    ServiceUnavailable => "ServiceUnavailable",
    /// 503: a back end is not set up yet.
    MorayBucketsNotSetup => "MorayBucketsNotSetup",
    /// 503: a back end is being migrated.
    DataVersion => "DataVersion",
}

// === impl ErrorCode ===

impl ErrorCode {
    /// The code of an answer that names none.
    pub(super) fn implied(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::InvalidCredentials,
            403 => Self::NotAuthorized,
            404 => Self::ResourceNotFound,
            429 => Self::TooManyRequests,
            502..=504 => Self::ServiceUnavailable,
            _ => Self::Other(String::new()),
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The word alone would not say that it is an error.
            Self::Internal => f.write_str("InternalError"),
            Self::Validation => f.write_str("ValidationError"),
            code => f.write_str(code.as_str()),
        }
    }
}
