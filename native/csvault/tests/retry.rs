//! Calls that are stopped, repeated, or made twice at once: what was committed is answered with its result, and happens once.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

use std::path::Path;
use std::time::Duration;

use cs_testkit::{Home, Host, RawClient};
use serde_json::{Value, json};

fn home() -> Home {
    Home::new(env!("CARGO_BIN_EXE_csvault"))
}

fn error_id(answer: &Value) -> &str {
    answer["error"]["data"]["id"].as_str().unwrap_or("none")
}

fn version(client: &mut RawClient) -> u64 {
    let status = client.ask("status", Value::Null);
    status["result"]["storeVersion"].as_u64().unwrap()
}

/// The topology of the sample deployment with a site of another name.
fn topology(site: &str) -> String {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/litware/topology.xml"
    );
    let text = std::fs::read_to_string(path).unwrap();
    text.replacen("<Name>Redmond</Name>", &format!("<Name>{site}</Name>"), 1)
}

/// The results of the calls of a cmdlet in the audit log, in their order.
fn outcomes(home: &Path, cmdlet: &str) -> Vec<String> {
    let log = std::fs::read_to_string(home.join("audit.log")).unwrap();
    let lines = log
        .lines()
        .map(|line| -> Value { serde_json::from_str(line).unwrap() });
    lines
        .filter(|line| line["phase"] == "outcome" && line["cmdlet"] == cmdlet)
        .map(|line| line["result"].as_str().unwrap().to_owned())
        .collect()
}

/// Publishes a topology again and again, each time stopped by `stop` a little later. Returns how many of the calls were stopped.
fn publish_and_stop(
    home: &Home,
    host: &Host,
    expected: &str,
    params: &dyn Fn(u64) -> Value,
    stop: &dyn Fn(&mut RawClient, u64, u64),
) -> usize {
    let mut client = host.client();
    let before = outcomes(&home.path(), "Publish-CsTopology").len();
    let mut answered: Vec<bool> = Vec::new();
    for round in 0..150 {
        let old = version(&mut client);
        let call = client.begin_upload("Publish-CsTopology", params(round));
        client.send_chunk(call, topology(&format!("{expected} {round}")).as_bytes());
        client.notify("endInput", call);
        stop(&mut client, call, round);
        let (answer, _) = client.answer(call);
        let done = answer.get("result").is_some();
        let new = version(&mut client);
        if done {
            assert_eq!(
                (answer["result"]["version"].as_u64(), new),
                (Some(old + 1), old + 1),
                "round {round}: {answer}"
            );
        } else {
            assert_eq!(error_id(&answer), expected, "round {round}: {answer}");
            assert_eq!(new, old, "round {round}: {answer}");
        }
        answered.push(done);
    }
    let said: Vec<bool> = outcomes(&home.path(), "Publish-CsTopology")
        .iter()
        .skip(before)
        .map(|result| result == "done")
        .collect();
    assert_eq!(said, answered, "the audit log says what the answers say");
    answered.iter().filter(|done| !**done).count()
}

#[test]
fn a_call_that_is_answered_as_stopped_changed_nothing() {
    let home = home();
    let host = home.start();
    let cancelled = publish_and_stop(
        &home,
        &host,
        "CallCancelled",
        &|_| json!({}),
        &|client, call, round| {
            std::thread::sleep(Duration::from_micros(round % 17 * 500));
            client.notify("cancel", call);
        },
    );
    let timed_out = publish_and_stop(
        &home,
        &host,
        "CallTimedOut",
        &|round| json!({"deadlineMs": 1 + round % 9}),
        &|_, _, _| {},
    );
    println!("{cancelled} were cancelled, {timed_out} timed out");
    assert!(cancelled > 0 && timed_out > 0);
    assert!(host.stop().success());
}

const KEY: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

/// Begins to publish a topology with a key.
fn begin_publish(client: &mut RawClient, site: &str, key: &str) -> u64 {
    let call = client.begin_upload("Publish-CsTopology", json!({"idempotencyKey": key}));
    client.send_chunk(call, topology(site).as_bytes());
    client.notify("endInput", call);
    call
}

#[test]
fn a_retry_finds_what_the_lost_call_left_also_while_that_still_commits() {
    let home = home();
    let host = home.start();
    let mut watching = host.client();
    let mut repeated = 0;
    for round in 0..60 {
        let (site, key) = (format!("Site {round}"), format!("{KEY}-{round}"));
        let old = version(&mut watching);
        let mut lost = host.client();
        begin_publish(&mut lost, &site, &key);
        std::thread::sleep(Duration::from_millis(round % 20 * 3));
        drop(lost);
        let mut client = host.client();
        let call = begin_publish(&mut client, &site, &key);
        let (answer, _) = client.answer(call);
        assert_eq!(answer["result"]["version"], json!(old + 1), "{answer}");
        assert_eq!(version(&mut watching), old + 1);
        repeated += usize::from(answer["result"]["repeated"] == json!(true));
    }
    println!("{repeated} were repeated");
    assert!(repeated > 0);
}

#[test]
fn calls_at_once_with_one_key_are_one_call() {
    let home = home();
    let host = home.start();
    for round in 0..10 {
        let (site, key) = (format!("Site {round}"), format!("{KEY}-{round}"));
        let old = version(&mut host.client());
        let mut clients: Vec<RawClient> = (0..8).map(|_| host.client()).collect();
        let calls: Vec<u64> = clients
            .iter_mut()
            .map(|client| begin_publish(client, &site, &key))
            .collect();
        let answers: Vec<Value> = clients
            .iter_mut()
            .zip(calls)
            .map(|(client, call)| client.answer(call).0["result"].clone())
            .collect();
        let news = answers.iter().filter(|result| result["repeated"].is_null());
        assert_eq!(news.count(), 1, "{answers:?}");
        let all = answers
            .iter()
            .all(|result| result["version"] == json!(old + 1));
        assert!(all, "{answers:?}");
        // The key is of no use for anything else.
        let mut client = host.client();
        let call = begin_publish(&mut client, "elsewhere", &key);
        assert_eq!(error_id(&client.answer(call).0), "KeyReused");
        assert_eq!(version(&mut client), old + 1);
    }
}
