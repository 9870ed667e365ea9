//! Clients of other accounts. Who a client is shows when it connects, so that another process connects and hands the bytes on.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::unistd::{Gid, Uid, User};

use crate::RawClient;

const PIPE: &str = "CSVAULT_TEST_RELAY_PIPE";
const UID: &str = "CSVAULT_TEST_RELAY_UID";

/// A client that the service takes for another account. It has said nothing yet.
#[derive(Debug)]
pub struct ClientAs {
    client: RawClient,
    process: Child,
}

/// Connects as another account, for which this process must be root and the test binary must have this test:
///
/// ```text
/// #[test]
/// #[ignore = "another account's end of a connection"]
/// fn relay() {
///     cs_testkit::relay();
/// }
/// ```
#[must_use]
pub fn client_as(pipe: &Path, uid: u32) -> ClientAs {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let process = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "relay"])
        .env(PIPE, pipe)
        .env(UID, uid.to_string())
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    ClientAs {
        client: RawClient::over(ours),
        process,
    }
}

/// The other process: becomes the account with all of its groups, connects, and hands on what comes at either end.
pub fn relay() {
    let uid = Uid::from_raw(std::env::var(UID).unwrap().parse().unwrap());
    let pipe = std::env::var(PIPE).unwrap();
    let near = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let gid = match User::from_uid(uid).unwrap() {
        Some(user) => {
            let name = std::ffi::CString::new(user.name).unwrap();
            nix::unistd::initgroups(&name, user.gid).unwrap();
            user.gid
        }
        None => {
            nix::unistd::setgroups(&[]).unwrap();
            Gid::from_raw(uid.as_raw())
        }
    };
    nix::unistd::setresgid(gid, gid, gid).unwrap();
    nix::unistd::setresuid(uid, uid, uid).unwrap();
    let far = UnixStream::connect(&pipe).unwrap();
    let (near_again, far_again) = (near.try_clone().unwrap(), far.try_clone().unwrap());
    let back = std::thread::spawn(move || hand_on(far_again, near_again));
    hand_on(near, far);
    back.join().unwrap();
}

fn hand_on(mut from: UnixStream, mut to: UnixStream) {
    let mut bytes = [0; 65536];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _gone_already = to.shutdown(Shutdown::Write);
}

impl Deref for ClientAs {
    type Target = RawClient;

    fn deref(&self) -> &RawClient {
        &self.client
    }
}

impl DerefMut for ClientAs {
    fn deref_mut(&mut self) -> &mut RawClient {
        &mut self.client
    }
}

impl Drop for ClientAs {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}
