//! What tests of the command line have in common.
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::process::{Command, Output};

use cs_testkit::Home;
use serde_json::Value;

/// A home whose service was started by its client, and is stopped with it.
pub struct Prompt(pub Home);

impl Prompt {
    pub fn new() -> Self {
        Self(Home::new(env!("CARGO_BIN_EXE_csvault")))
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut all = vec!["run"];
        all.extend(words);
        self.0.command(&all)
    }

    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs what must succeed, and returns its standard output.
    pub fn well(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{words:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// Runs what must fail, and returns what it said.
    pub fn badly(&self, words: &[&str], code: i32) -> String {
        let output = self.run(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {output:?}");
        text(&output.stderr)
    }

    pub fn json(&self, words: &[&str]) -> Value {
        let mut all = vec!["--output", "json"];
        all.extend(words);
        serde_json::from_str(&self.well(&all)).unwrap()
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.beside(name)).unwrap()
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.0.beside(name), content).unwrap();
    }

    /// The topology of the store with a change in it, in a file.
    pub fn changed_topology(&self, name: &str) {
        let xml = self.well(&["Get-CsTopology", "-AsXml"]);
        let changed = xml.replace("AllowAllDomains=\"false\"", "AllowAllDomains=\"true\"");
        assert_ne!(xml, changed);
        self.write(name, changed.as_bytes());
    }

    pub fn version(&self) -> u64 {
        let output = self.0.command(&["status", "--json"]).output().unwrap();
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        let version = status.get("storeVersion").and_then(Value::as_u64);
        version.unwrap()
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        let _never_started = self.0.command(&["stop"]).output();
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
