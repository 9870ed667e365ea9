//! A service of its own for each test: its own home, its own pipe, ended with the test.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::RawClient;

/// A data folder that goes with the test.
#[derive(Debug)]
pub struct Home {
    folder: tempfile::TempDir,
    executable: PathBuf,
}

impl Home {
    /// A new one, for the given executable. Nothing is in it.
    #[must_use]
    pub fn new(executable: impl Into<PathBuf>) -> Self {
        // Short, because the path of a socket holds no more than 107 bytes.
        let folder = tempfile::Builder::new().prefix("csv").tempdir().unwrap();
        Self {
            folder,
            executable: executable.into(),
        }
    }

    /// The data folder.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A place beside the data folder.
    #[must_use]
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Lets other accounts pass through the folder around the home, as tests with other accounts need it.
    pub fn open_the_way(&self) {
        std::fs::set_permissions(self.folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// Writes `settings.json`, with this account as the owner unless the settings say something of an owner themselves.
    pub fn settings(&self, mut settings: Value) {
        let members = settings.as_object_mut().expect("settings are an object");
        members
            .entry("owner")
            .or_insert_with(|| json!({"uid": nix::unistd::geteuid().as_raw()}));
        members.retain(|_, value| !value.is_null());
        self.write("settings.json", settings.to_string().as_bytes());
    }

    /// Writes a private file into the home, which is made if it is not there.
    pub fn write(&self, name: &str, content: &[u8]) {
        let home = self.path();
        if !home.exists() {
            std::fs::create_dir(&home).unwrap();
            std::fs::set_permissions(&home, PermissionsExt::from_mode(0o700)).unwrap();
        }
        let path = home.join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    }

    /// The executable with this home in its environment, and nothing else of ours.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.executable);
        command
            .args(arguments)
            .env("CSVAULT_HOME", self.path())
            .env_remove("CSVAULT_PIPE")
            .env_remove("CSVAULT_PIPE_OWNER")
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// What the executable says when another account of the machine runs it, in its own group alone.
    ///
    /// # Panics
    /// When this account may not become another one.
    pub fn output_as(
        &self,
        uid: u32,
        arguments: &[&str],
        environment: &[(&str, &std::ffi::OsStr)],
    ) -> std::process::Output {
        // The build folder may be closed to other accounts.
        let copy = self.beside("csvault");
        if !copy.exists() {
            std::fs::copy(&self.executable, &copy).unwrap();
        }
        let mut command = Command::new(copy);
        command
            .args(arguments)
            .env("CSVAULT_HOME", self.path())
            .env_remove("CSVAULT_PIPE")
            .env_remove("CSVAULT_PIPE_OWNER")
            .envs(environment.iter().copied())
            .current_dir("/")
            .stdin(Stdio::null())
            .uid(uid)
            .gid(uid);
        loop {
            match command.output() {
                // Another test forked while the copy was being written and still holds it open for a moment.
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                    std::thread::yield_now()
                }
                output => return output.unwrap(),
            }
        }
    }

    /// Starts a service.
    #[must_use]
    pub fn start(&self) -> Host {
        self.start_with(&[])
    }

    /// Starts a service with more options.
    #[must_use]
    pub fn start_with(&self, options: &[&str]) -> Host {
        self.try_start(options)
            .unwrap_or_else(|error| panic!("the service did not start: {error}"))
    }

    /// Starts a service, or returns what it said instead of being ready.
    ///
    /// # Errors
    /// Its words on standard error.
    pub fn try_start(&self, options: &[&str]) -> Result<Host, String> {
        let mut command = self.command(&["serve"]);
        command.args(options);
        Host::spawn(command)
    }
}

/// A running service. Dropping it kills it.
#[derive(Debug)]
pub struct Host {
    child: Child,
    /// What it said when it was ready.
    pub ready: Value,
}

impl Host {
    /// Starts a command that is a service, and waits until it is ready.
    ///
    /// # Errors
    /// Its words on standard error when it ends instead.
    pub fn spawn(mut command: Command) -> Result<Self, String> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        if let Ok(ready) = serde_json::from_str(&line) {
            return Ok(Self { child, ready });
        }
        let mut said = String::new();
        child
            .stderr
            .as_mut()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        let status = child.wait().unwrap();
        Err(format!("{said}{line}[{status}]"))
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its pipe.
    #[must_use]
    pub fn pipe(&self) -> &Path {
        Path::new(self.ready["pipe"].as_str().unwrap())
    }

    /// A connection that has said nothing yet.
    #[must_use]
    pub fn connect(&self) -> RawClient {
        RawClient::connect(self.pipe())
    }

    /// A connection after `hello`.
    #[must_use]
    pub fn client(&self) -> RawClient {
        let mut client = self.connect();
        client.hello();
        client
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().cast_signed()), signal).unwrap();
    }

    /// Waits until it ended by itself.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Ends it gracefully and waits for that.
    pub fn stop(self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait()
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Already over after `wait`.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}
