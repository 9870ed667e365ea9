//! Who is at the other end of a connection, as the operating system says.

use interprocess::local_socket::tokio::Stream;
use interprocess::local_socket::traits::StreamCommon;

/// The user id of a connection's other end at the moment it connected, or `None` when the system does not tell.
///
/// On Windows the token of a named pipe's client can only be had through unsafe calls, which this program does without: there
/// nobody is identified, and so nobody is let in.
#[must_use]
pub fn user_id(stream: &Stream) -> Option<u32> {
    #[cfg(unix)]
    {
        stream.peer_creds().ok()?.euid()
    }
    #[cfg(not(unix))]
    {
        let _no_user_ids = stream;
        None
    }
}
