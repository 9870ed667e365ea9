//! Clients that break the rules, vanish, stall or flood: each is told or sent away, and nobody else notices.
#![cfg(unix)]
#![expect(clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::io::Write;
use std::net::Shutdown;
use std::process::Command;

use cs_testkit::{Frame, Home, Host, RawClient};
use serde_json::{Value, json};

fn home() -> Home {
    Home::new(env!("CARGO_BIN_EXE_csvault"))
}

fn error_id(message: &Value) -> &str {
    message["error"]["data"]["id"].as_str().unwrap_or_default()
}

/// Waits until the service counts no call any more, by a stop that only then is quick.
fn ends_well(host: Host) {
    assert!(host.stop().success());
}

#[test]
fn headers_of_every_kind_and_hostile_length_are_refused() {
    let home = home();
    let host = home.start();
    for kind in [b'J', b'B'] {
        for length in [0, 0x0010_0001, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
            let mut client = host.client();
            let [a, b, c, d] = u32::to_le_bytes(length);
            client.send_raw(&[a, b, c, d, kind]);
            let told = client.last_words();
            assert_eq!(
                (&told["id"], &told["error"]["code"]),
                (&Value::Null, &json!(-32700)),
                "{told}"
            );
        }
    }
    for kind in (0..=u8::MAX).filter(|kind| !b"JB".contains(kind)) {
        let mut client = host.client();
        client.send_raw(&[1, 0, 0, 0, kind]);
        assert_eq!(
            error_id(&client.last_words()),
            "FrameMalformed",
            "kind {kind}"
        );
    }
    assert!(host.client().is_served());
    ends_well(host);
}

#[test]
fn frames_may_come_byte_by_byte_and_many_at_once() {
    let home = home();
    let host = home.start();
    let mut client = host.client();
    let text = br#"{"jsonrpc":"2.0","id":50,"method":"ping"}"#;
    let mut frame = u32::try_from(text.len()).unwrap().to_le_bytes().to_vec();
    frame.push(b'J');
    frame.extend_from_slice(text);
    for byte in &frame {
        client.send_raw(&[*byte]);
    }
    assert_eq!(
        client.message(),
        json!({"jsonrpc": "2.0", "id": 50, "result": {}})
    );

    let mut many = Vec::new();
    for id in 100..1100 {
        let text = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}");
        many.extend_from_slice(&u32::try_from(text.len()).unwrap().to_le_bytes());
        many.push(b'J');
        many.extend_from_slice(text.as_bytes());
    }
    client.send_raw(&many);
    for id in 100..1100 {
        assert_eq!(client.message()["id"], json!(id));
    }
    // The longest frame that is allowed, padded with blanks.
    let mut longest = br#"{"jsonrpc":"2.0","id":2000,"method":"ping"}"#.to_vec();
    longest.resize(1024 * 1024, b' ');
    client.send_text(&longest);
    assert_eq!(client.message()["id"], json!(2000));
}

#[test]
fn random_bytes_never_end_the_service() {
    let home = home();
    let host = home.start();
    // A fixed linear congruence, so that each run is the same.
    let mut state: u64 = 42;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33).to_le_bytes()[0]
    };
    for _ in 0..200 {
        let mut client = host.client();
        let payload: Vec<u8> = (0..64).map(|_| random()).collect();
        client.send_text(&payload);
        assert!(client.message().get("error").is_some());
        client.send_raw(&(0..40).map(|_| random()).collect::<Vec<u8>>());
        client.stream().shutdown(Shutdown::Write).unwrap();
    }
    assert!(host.client().is_served());
    ends_well(host);
}

#[test]
fn a_refused_message_leaves_the_connection_in_step() {
    let home = home();
    let host = home.start();
    let mut client = host.client();
    for id in 10..60 {
        client.send_text(b"{\"not\":\"a request\"}");
        client.send(&json!({"jsonrpc": "2.0", "id": id, "method": "ping"}));
        assert_eq!(error_id(&client.message()), "FrameMalformed");
        assert_eq!(client.message()["id"], json!(id));
    }
}

#[test]
fn a_client_that_vanishes_takes_its_calls_with_it() {
    let home = home();
    let host = home.start();
    let before = host.client().ask("status", Value::Null)["result"]["storeVersion"].clone();
    for _ in 0..20 {
        let mut client = host.client();
        let call = client.begin_upload("Import-CsConfiguration", json!({}));
        client.send_chunk(call, &[b'P'; 1000]);
        drop(client);
    }
    let after = host.client().ask("status", Value::Null)["result"]["storeVersion"].clone();
    assert_eq!(before, after);
    // Ending waits two seconds for calls that run; these are gone, so it ends at once or within that grace.
    ends_well(host);
}

#[test]
fn more_chunks_than_the_window_end_the_connection() {
    let home = home();
    let host = home.start();
    let mut client = host.client();
    let call = client.begin_upload("Import-CsConfiguration", json!({}));
    // So many answers wait unread that the acknowledgements wait behind them, and with them the call.
    let long = "x".repeat(8_000);
    for id in 1000..1150 {
        client.send(&json!({"jsonrpc": "2.0", "id": id, "method": long}));
    }
    for _ in 0..64 {
        client.send_chunk(call, b"x");
    }
    let mut told = false;
    loop {
        match client.read() {
            Frame::Json(message) => {
                let text = message["error"]["message"].as_str().unwrap_or_default();
                told |= text.contains("More than 16 chunks");
            }
            Frame::Bytes(..) => {}
            Frame::Closed => break,
        }
    }
    assert!(told);
    assert!(host.client().is_served());
}

#[test]
fn a_reader_that_stalls_is_sent_away_and_others_are_served() {
    let home = home();
    home.settings(json!({"limits": {"writeMs": 300}}));
    let host = home.start();
    let mut stalled = host.client();
    let mut other = host.client();
    // Far more answers than all buffers hold, and never a look at them: sending fails once the service has had enough.
    let stalling = std::thread::spawn(move || {
        let long = "x".repeat(60_000);
        let mut id = 1000;
        while stalled.send(&json!({"jsonrpc": "2.0", "id": id, "method": long})) {
            id += 1;
        }
        stalled
    });
    while !stalling.is_finished() {
        assert!(other.is_served());
    }
    let mut stalled = stalling.join().unwrap();
    // What was sent before comes, then the end.
    while stalled.read_or_closed() {}
    assert!(other.is_served());
    ends_well(host);
}

#[test]
fn connections_beyond_the_limits_are_refused_politely_and_come_back() {
    let home = home();
    home.settings(json!({"limits": {"connectionsPerAccount": 4}}));
    let host = home.start();
    let mut held: Vec<RawClient> = (0..4).map(|_| host.client()).collect();
    for _ in 0..50 {
        let told = host.connect().last_words();
        assert_eq!(error_id(&told), "TooManyCalls", "{told}");
    }
    assert!(held.iter_mut().all(RawClient::is_served));
    drop(held.pop());
    // The place is free as soon as the service saw the end of it.
    let mut next = loop {
        let mut client = host.connect();
        client.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {"protocol": 1, "client": "t"}}));
        if client.message().get("result").is_some() {
            break client;
        }
    };
    assert!(next.is_served());
}

#[test]
fn idle_connections_are_cheap_and_limited() {
    let home = home();
    home.settings(json!({"limits": {"connections": 100, "connectionsPerAccount": 1000}}));
    let host = home.start();
    let held: Vec<RawClient> = (0..100).map(|_| host.connect()).collect();
    let mut refused = host.connect();
    assert_eq!(error_id(&refused.last_words()), "TooManyCalls");
    drop(held);
}

#[test]
fn without_file_descriptors_new_clients_are_told_and_old_ones_served() {
    let home = home();
    let serve = home.command(&["serve"]);
    // So few that they run out before the limits of connections are reached.
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 40 && exec \"$0\" serve"])
        .arg(serve.get_program())
        .env("CSVAULT_HOME", home.path());
    let host = Host::spawn(command).expect("the service starts");
    let mut first = host.client();
    let mut held = Vec::new();
    let told = loop {
        let mut client = host.connect();
        client.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {"protocol": 1, "client": "t"}}));
        let answer = client.message();
        if answer.get("error").is_some() {
            break answer;
        }
        held.push(client);
    };
    assert_eq!(error_id(&told), "TooManyCalls", "{told}");
    assert!(first.is_served());
    drop(held);
    ends_well(host);
}

#[test]
fn identity_cannot_be_claimed_in_a_message() {
    let home = home();
    let host = home.start();
    let mut client = host.client();
    for member in ["user", "uid", "role", "principal", "caller"] {
        let answer = client.ask(
            "invoke",
            json!({"cmdlet": "Get-CsAdminRole", member: "root"}),
        );
        assert_eq!(answer["error"]["code"], json!(-32602), "{answer}");
        let answer = client.ask(
            "invoke",
            json!({"cmdlet": "Get-CsAdminRole", "parameters": {member: "root"}}),
        );
        assert_eq!(error_id(&answer), "ParameterInvalid", "{answer}");
    }
}

#[test]
fn a_client_that_closes_its_half_in_mid_frame_is_gone() {
    let home = home();
    let host = home.start();
    let mut client = host.client();
    client.send_raw(&[200, 0, 0, 0, b'J', b'{']);
    client.stream().shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.read(), Frame::Closed);
    let mut writer = host.client();
    writer.stream().flush().unwrap();
    assert!(writer.is_served());
}
