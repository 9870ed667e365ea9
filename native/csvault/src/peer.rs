//! Who is at the other end of a connection, as the operating system says.

use std::fmt;
use std::sync::Arc;

use cs_rbac::Caller;
use interprocess::local_socket::tokio::Stream;

/// An account of this machine, as the system numbers it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PrincipalId {
    /// A Unix user id.
    #[cfg_attr(not(any(unix, test)), expect(dead_code, reason = "only Unix has such"))]
    Uid(u32),
    /// A Windows SID, in text form.
    #[cfg_attr(not(windows), expect(dead_code, reason = "only Windows has such"))]
    Sid(Arc<str>),
    /// A client of a Windows pipe before its first message: the system does not tell earlier.
    NotYetKnown,
}

impl fmt::Display for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uid(uid) => write!(f, "uid {uid}"),
            Self::Sid(sid) => f.write_str(sid),
            Self::NotYetKnown => f.write_str("somebody who said nothing yet"),
        }
    }
}

impl PrincipalId {
    /// The account that this process runs as, or `None` when the system does not tell.
    #[must_use]
    pub fn own() -> Option<Self> {
        #[cfg(unix)]
        {
            crate::private::own_uid().map(Self::Uid)
        }
        #[cfg(windows)]
        {
            let sid = cs_peer::own_sid().ok()?;
            Some(Self::Sid(sid.into()))
        }
    }
}

/// The other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Which account.
    pub id: PrincipalId,
    /// What the account may be taken for, where that belongs to the connection: two Windows tokens of one account may differ, as
    /// those of an administrator before and after elevating do.
    pub caller: Option<Arc<Caller>>,
}

/// Who connected, at that moment; `None` when the system does not tell.
#[must_use]
pub fn at_connect(stream: &Stream) -> Option<Peer> {
    #[cfg(unix)]
    let id = {
        use interprocess::local_socket::traits::StreamCommon;
        PrincipalId::Uid(stream.peer_creds().ok()?.euid()?)
    };
    #[cfg(windows)]
    let id = {
        let _it_is_asked_after_the_first_frame = stream;
        PrincipalId::NotYetKnown
    };
    Some(Peer { id, caller: None })
}

/// Who wrote what was read last from a pipe, for systems that tell it no earlier.
///
/// # Errors
/// What the system says; nothing is allowed then.
#[cfg(windows)]
pub fn after_first_frame(stream: &Stream) -> std::io::Result<cs_peer::Identity> {
    use std::os::windows::io::AsHandle;

    let Stream::NamedPipe(stream) = stream;
    cs_peer::client_of(stream.as_handle())
}
