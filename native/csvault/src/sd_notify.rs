//! Telling systemd that the service is ready, as `sd_notify(3)` describes it: a datagram to the socket that `NOTIFY_SOCKET` names.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Says a state, such as `READY=1`. Nothing happens when systemd did not start it.
///
/// # Errors
/// When nobody takes the message.
pub fn tell(state: &str) -> io::Result<()> {
    match std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) {
        Some(name) => send(&name, state),
        None => Ok(()),
    }
}

fn send(name: &OsString, state: &str) -> io::Result<()> {
    UnixDatagram::unbound()?
        .send_to_addr(state.as_bytes(), &address(name)?)
        .map(drop)
}

/// A path, or behind an `@` a name in Linux's abstract namespace.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = name.as_bytes().strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt;
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_comes_to_a_path_and_to_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify").into_os_string();
        let abstract_name = OsString::from(format!("@csvault-test-{}", std::process::id()));
        for name in [path, abstract_name] {
            if cfg!(not(target_os = "linux")) && name.as_bytes().starts_with(b"@") {
                continue;
            }
            let systemd = UnixDatagram::bind_addr(&address(&name).unwrap()).unwrap();
            send(&name, "READY=1").unwrap();
            let mut bytes = [0; 64];
            let count = systemd.recv(&mut bytes).unwrap();
            assert_eq!(bytes.get(..count), Some(&b"READY=1"[..]), "{name:?}");
            drop(systemd);
            // A process that another test starts holds the socket too, for the moment between fork and exec.
            let closed = (0..500).any(|_| {
                std::thread::sleep(std::time::Duration::from_millis(10));
                send(&name, "READY=1").is_err()
            });
            assert!(closed, "{name:?}");
        }
    }
}
