//! Both ends of a pipe in one process: who each one takes the other for.
#![cfg(windows)]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsHandle;

use cs_peer::{account_named, account_of, client_of, own_sid, owner_of};
use interprocess::os::windows::named_pipe::{PipeListenerOptions, PipeMode, pipe_mode};
use interprocess::os::windows::security_descriptor::SecurityDescriptor;
use widestring::U16CString;

const ANONYMOUS: u32 = 0;
const IDENTIFICATION: u32 = 0x0001_0000;

/// What the server says of a client that opened the pipe with these flags, and what the client says of the server.
fn both(name: &str, quality: u32) -> (std::io::Result<cs_peer::Identity>, std::io::Result<String>) {
    let path = format!(r"\\.\pipe\cs-peer-{}-{name}", std::process::id());
    // Wine gives no owner to a pipe that is made without.
    let descriptor = format!("O:{0}D:P(A;;GA;;;{0})", own_sid().unwrap());
    let descriptor = U16CString::from_str(descriptor).unwrap();
    let descriptor = SecurityDescriptor::deserialize(&descriptor).unwrap();
    let listener = PipeListenerOptions::new()
        .path(path.as_str())
        .mode(PipeMode::Bytes)
        .security_descriptor(Some(descriptor))
        .create_duplex::<pipe_mode::Bytes>()
        .unwrap();
    let client = std::thread::spawn(move || {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).security_qos_flags(quality);
        let mut client = options.open(path).unwrap();
        client.write_all(b"x").unwrap();
        let owner = owner_of(client.as_handle());
        let mut end = [0];
        let _closed = client.read(&mut end);
        owner
    });
    let mut server = listener.accept().unwrap();
    let mut byte = [0];
    server.read_exact(&mut byte).unwrap();
    let identity = client_of(server.as_handle());
    drop(server);
    (identity, client.join().unwrap())
}

#[test]
fn each_end_knows_the_other() {
    let own = own_sid().unwrap();
    let (client, server) = both("known", IDENTIFICATION);
    let client = client.unwrap();
    assert_eq!(client.sid, own);
    assert!(client.groups.len() > 1, "{client:?}");
    assert!(
        client
            .groups
            .iter()
            .all(|group| group.sid.starts_with("S-1-"))
    );
    // Everyone, whom every token has.
    assert!(client.member_of().any(|sid| sid == "S-1-1-0"), "{client:?}");
    assert_eq!(server.unwrap(), own);
}

#[test]
fn a_client_that_stays_anonymous_is_nobody_and_the_thread_is_itself_again() {
    let (client, _) = both("anonymous", ANONYMOUS);
    if let Ok(client) = client {
        // Wine does not keep clients from being known.
        assert_eq!(client.sid, own_sid().unwrap());
    }
    // A thread that still acted as an anonymous client could not read its own account's files.
    std::fs::read_dir(std::env::temp_dir()).unwrap();
    // No pipe: an error, and nothing else.
    let file = std::env::current_exe().unwrap();
    let file = std::fs::File::open(file).unwrap();
    client_of(file.as_handle()).unwrap_err();
    std::fs::read_dir(std::env::temp_dir()).unwrap();
}

#[test]
fn accounts_have_names() {
    let own = account_of(&own_sid().unwrap()).unwrap().unwrap();
    let full = format!("{}\\{}", own.domain, own.name);
    assert_eq!(account_named(&full).unwrap().unwrap().sid, own.sid);
    let administrators = account_of("S-1-5-32-544").unwrap().unwrap();
    assert_eq!(administrators.kind, cs_peer::AccountKind::Group);
    assert_eq!(account_named("no such account here").unwrap(), None);
    account_of("daemon").unwrap_err();
    account_named("a\0b").unwrap_err();
}
