//! What becomes of the client's bytes when something fails: one table, no exceptions elsewhere.

use crate::intercept::{ClientError, OriginError};
use meter_dial::DialError;

/// What happens to the bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fallout {
    /// They go on as raw bytes, never opened.
    Tunnel,
    /// They go on as if nothing were wrong; the row is marked or missing.
    PassUnmetered,
    /// They go nowhere; the client is told, or its connection ends.
    Refuse,
}

/// Why a connection stays closed to us.
#[derive(Debug, thiserror::Error)]
pub enum Unopened {
    /// The host is on no list of the loaded snapshot.
    #[error("the host is not metered")]
    NotMetered,
    /// This client does not accept our certificate for this host.
    #[error("the client does not accept our certificate")]
    Pinned,
    /// The client speaks something else than TLS.
    #[error("the client does not speak TLS")]
    NotTls,
    /// The origin spoke or left before the client did.
    #[error("the origin was first to act")]
    OriginFirst,
    /// The hello names no host.
    #[error("the client names no host in its hello")]
    NoName,
    /// The hello names another host than the CONNECT.
    #[error("the client asks for another host than it connected to")]
    OtherName,
    /// The hello offers protocols, and none is HTTP.
    #[error("the client offers no HTTP protocol")]
    NoHttp,
    /// The client cannot speak with our leaf and suites.
    #[error("the client's TLS is too old for our certificate")]
    OldClient,
    /// No authority may sign for the host.
    #[error("no authority covers the host")]
    NotCovered,
    /// The origin would not be opened.
    #[error(transparent)]
    Origin(#[from] OriginError),
}

/// Why an exchange on an open connection is not metered, or not wholly.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unmetered {
    /// A reader met bytes that break its protocol, or a limit.
    #[error("the connection became unreadable: {0}")]
    Opaque(&'static str),
    /// A reader panicked. A fault of ours.
    #[error("a reader failed")]
    Panicked,
    /// The journal took no record.
    #[error("the journal took no record")]
    JournalRefused,
    /// Nobody could say in time who called.
    #[error("the caller is unknown")]
    CallerUnknown,
}

impl Unopened {
    /// Always [`Fallout::Tunnel`]: nothing was promised yet.
    pub fn fallout(&self) -> Fallout {
        match self {
            Unopened::NotMetered
            | Unopened::Pinned
            | Unopened::NotTls
            | Unopened::OriginFirst
            | Unopened::NoName
            | Unopened::OtherName
            | Unopened::NoHttp
            | Unopened::OldClient
            | Unopened::NotCovered => Fallout::Tunnel,
            Unopened::Origin(error) => match error {
                OriginError::Certificate(_)
                | OriginError::CertificateWanted
                | OriginError::Protocol
                | OriginError::NotHttp
                | OriginError::Slow
                | OriginError::Handshake(_) => Fallout::Tunnel,
            },
        }
    }

    /// The word in log events and coverage.
    pub fn as_str(&self) -> &'static str {
        match self {
            Unopened::NotMetered => "not_metered",
            Unopened::Pinned => "pinned",
            Unopened::NotTls => "not_tls",
            Unopened::OriginFirst => "origin_first",
            Unopened::NoName => "no_sni",
            Unopened::OtherName => "other_sni",
            Unopened::NoHttp => "no_http",
            Unopened::OldClient => "old_client",
            Unopened::NotCovered => "not_covered",
            Unopened::Origin(OriginError::Certificate(_)) => "origin_certificate",
            Unopened::Origin(OriginError::CertificateWanted) => "client_certificate_wanted",
            Unopened::Origin(OriginError::Protocol) => "origin_refused_alpn",
            Unopened::Origin(OriginError::NotHttp) => "origin_chose_other_alpn",
            Unopened::Origin(OriginError::Slow) => "origin_slow",
            Unopened::Origin(OriginError::Handshake(_)) => "origin_handshake",
        }
    }
}

impl Unmetered {
    /// Always [`Fallout::PassUnmetered`]; an enforcing rule's `on_error = "closed"` is a decision, not a fallout.
    pub fn fallout(self) -> Fallout {
        match self {
            Unmetered::Opaque(_) | Unmetered::Panicked | Unmetered::JournalRefused | Unmetered::CallerUnknown => {
                Fallout::PassUnmetered
            }
        }
    }

    /// The mark in the row.
    pub fn flag(self) -> &'static str {
        match self {
            Unmetered::Opaque(_) => "opaque",
            Unmetered::Panicked => "meter_fault",
            Unmetered::JournalRefused => "journal_refused",
            Unmetered::CallerUnknown => "caller_unknown",
        }
    }
}

/// The client saw our certificate already, so its connection can only end; the next one may be tunnelled.
pub fn of_client(error: &ClientError) -> Fallout {
    match error {
        ClientError::Distrust(_)
        | ClientError::Left(_)
        | ClientError::Gone
        | ClientError::Slow
        | ClientError::Handshake(_) => Fallout::Refuse,
    }
}

/// There is no origin to pass anything to: the CONNECT is answered with the error's own status.
pub fn of_dial(error: &DialError) -> Fallout {
    match error {
        DialError::Resolve { .. }
        | DialError::ResolveTimeout { .. }
        | DialError::Connect { .. }
        | DialError::ConnectTimeout { .. }
        | DialError::ProxyBroken { .. }
        | DialError::ProxyTimeout { .. }
        | DialError::ProxyRefused { .. } => Fallout::Refuse,
    }
}
