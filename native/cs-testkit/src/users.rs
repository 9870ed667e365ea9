//! Real accounts and groups of this machine, made for one test and removed with it.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::unistd::{Group, Pid, User, getpid};

use crate::skipped;

/// What all names begin with; the process id follows, so that what a killed run left behind is known and removed.
const MARK: &str = "cst";

/// The account files are locked while somebody changes them; other tests do so too.
const TRIES: u32 = 100;

/// Users and groups of one test. Dropping it removes them, also after a panic.
#[derive(Debug)]
pub struct Accounts {
    prefix: String,
    users: Vec<String>,
    groups: Vec<String>,
    has_many: bool,
}

impl Accounts {
    /// An empty set, or `None` when this process may not make accounts; the test is then skipped by its name.
    #[must_use]
    pub fn new(test: &str) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if !nix::unistd::geteuid().is_root() {
            skipped(test, "needs root to make users and groups");
            return None;
        }
        for tool in ["useradd", "groupadd"] {
            if Command::new(tool).arg("--help").output().is_err() {
                skipped(test, &format!("there is no {tool}"));
                return None;
            }
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        if number == 0 {
            sweep();
        }
        Some(Self {
            prefix: format!("{MARK}{}x{number}", getpid()),
            users: Vec::new(),
            groups: Vec::new(),
            has_many: false,
        })
    }

    /// The name that a user or group of this set has on the machine, for example `cst4711x0Operators`.
    #[must_use]
    pub fn name(&self, short: &str) -> String {
        format!("{}{short}", self.prefix)
    }

    /// Makes a group and returns its id.
    pub fn group(&mut self, short: &str) -> u32 {
        let name = self.name(short);
        manage("groupadd", &[&name]);
        self.groups.push(name.clone());
        gid(&name)
    }

    /// Makes a group with an id of the test's choice.
    pub fn group_with_id(&mut self, short: &str, gid: u32) {
        let name = self.name(short);
        manage("groupadd", &["--gid", &gid.to_string(), &name]);
        self.groups.push(name);
    }

    /// Makes a group whose name on the machine is the test's choice, such as that of a predefined role.
    ///
    /// # Panics
    /// When there is such a group.
    pub fn group_named(&mut self, name: &str) -> u32 {
        manage("groupadd", &[name]);
        self.groups.push(name.to_owned());
        gid(name)
    }

    /// Makes a user whose primary group is one of this set, and returns its id.
    pub fn user(&mut self, short: &str, primary: &str, supplementary: &[&str]) -> u32 {
        let name = self.name(short);
        let groups: Vec<_> = supplementary.iter().map(|short| self.name(short)).collect();
        let (primary, groups) = (self.name(primary), groups.join(","));
        let mut arguments = vec!["--no-create-home", "--no-log-init", "--home-dir", "/"];
        arguments.extend(["--shell", "/bin/false", "--gid", &primary]);
        if !groups.is_empty() {
            arguments.extend(["--groups", &groups]);
        }
        arguments.push(&name);
        manage("useradd", &arguments);
        self.users.push(name.clone());
        let user = User::from_name(&name).unwrap();
        user.expect("the user was made").uid.as_raw()
    }

    /// Makes many groups at once, each with one user as its member. Their ids go up from `first_id`.
    pub fn many_groups(&mut self, user: &str, count: u32, first_id: u32) {
        let user = self.name(user);
        let lines: String = (0..count)
            .map(|number| {
                let (name, gid) = (self.name(&format!("n{number}")), first_id + number);
                format!("{name}:x:{gid}:{user}\n")
            })
            .collect();
        edit_group_file(|text| text + &lines);
        self.has_many = true;
    }

    /// Takes a user into a group.
    pub fn join(&self, user: &str, group: &str) {
        manage("gpasswd", &["-a", &self.name(user), &self.name(group)]);
    }

    /// Takes a user out of a group.
    pub fn leave(&self, user: &str, group: &str) {
        manage("gpasswd", &["-d", &self.name(user), &self.name(group)]);
    }

    /// Gives a group another name.
    pub fn rename_group(&mut self, from: &str, to: &str) {
        let (from, to) = (self.name(from), self.name(to));
        manage("groupmod", &["--new-name", &to, &from]);
        self.groups.retain(|name| *name != from);
        self.groups.push(to);
    }

    /// Removes a group.
    pub fn remove_group(&mut self, short: &str) {
        let name = self.name(short);
        manage("groupdel", &[&name]);
        self.groups.retain(|known| *known != name);
    }

    /// Removes a user.
    pub fn remove_user(&mut self, short: &str) {
        let name = self.name(short);
        manage("userdel", &["--force", &name]);
        self.users.retain(|known| *known != name);
    }
}

impl Drop for Accounts {
    fn drop(&mut self) {
        // A group that is somebody's primary one goes after that user.
        for user in &self.users {
            let _gone_already = try_manage("userdel", &["--force", user]);
        }
        for group in &self.groups {
            let _gone_already = try_manage("groupdel", &[group]);
        }
        if self.has_many {
            let start = self.name("n");
            edit_group_file(|text| {
                let kept = text.split_inclusive('\n');
                kept.filter(|line| !line.starts_with(&start)).collect()
            });
        }
    }
}

/// Changes the file of groups as the system's own tools do: they keep away while `group.lock` names a process that lives.
fn edit_group_file(change: impl FnOnce(String) -> String) {
    let (lock, new) = (
        Path::new("/etc/group.lock"),
        Path::new("/etc/group.csvault"),
    );
    let mut tries = 0;
    loop {
        match std::fs::File::create_new(lock) {
            Ok(mut file) => break write!(file, "{}", getpid()).unwrap(),
            Err(error) => assert!(tries < TRIES, "{}: {error}", lock.display()),
        }
        tries += 1;
        std::thread::sleep(Duration::from_millis(50));
    }
    let text = std::fs::read_to_string("/etc/group").unwrap();
    std::fs::write(new, change(text)).unwrap();
    std::fs::set_permissions(new, PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::rename(new, "/etc/group").unwrap();
    std::fs::remove_file(lock).unwrap();
}

fn gid(name: &str) -> u32 {
    let group = Group::from_name(name).unwrap();
    group.expect("the group was made").gid.as_raw()
}

fn manage(tool: &str, arguments: &[&str]) {
    if let Err(said) = try_manage(tool, arguments) {
        panic!("{tool} {arguments:?}: {said}");
    }
}

/// Runs a tool, again and again while somebody else has the account files.
fn try_manage(tool: &str, arguments: &[&str]) -> Result<(), String> {
    let mut said = String::new();
    for _ in 0..TRIES {
        let output = Command::new(tool)
            .args(arguments)
            .env("LC_ALL", "C")
            .output()
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !said.contains("lock") {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(said)
}

/// Removes what runs left behind that were killed.
fn sweep() {
    for (file, tool) in [("/etc/passwd", "userdel"), ("/etc/group", "groupdel")] {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        for name in text.lines().filter_map(|line| line.split(':').next()) {
            if made_by_a_dead_run(name) {
                let _another_run_was_quicker = try_manage(tool, &[name]);
            }
        }
    }
}

fn made_by_a_dead_run(name: &str) -> bool {
    let process = name.strip_prefix(MARK).and_then(|rest| {
        let (digits, _) = rest.split_once('x')?;
        digits.parse::<i32>().ok()
    });
    process.is_some_and(|id| nix::sys::signal::kill(Pid::from_raw(id), None).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_go_with_the_test_also_after_a_panic() {
        let name = std::sync::Mutex::new(String::new());
        let test = || {
            let Some(mut accounts) = Accounts::new("accounts_go_with_the_test_also_after_a_panic")
            else {
                return;
            };
            accounts.group("first");
            accounts.group("second");
            let uid = accounts.user("ken", "first", &["second"]);
            let user = User::from_uid(uid.into()).unwrap().unwrap();
            assert_eq!(user.name, accounts.name("ken"));
            accounts.leave("ken", "second");
            accounts.join("ken", "second");
            accounts.rename_group("second", "third");
            let third = Group::from_name(&accounts.name("third")).unwrap().unwrap();
            assert_eq!(third.mem, [accounts.name("ken")]);
            *name.lock().unwrap() = accounts.name("");
            panic!("as tests do");
        };
        assert!(std::panic::catch_unwind(test).is_err() || !nix::unistd::geteuid().is_root());
        let prefix = name
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        for file in ["/etc/passwd", "/etc/group"] {
            let text = std::fs::read_to_string(file).unwrap();
            assert!(
                prefix.is_empty() || !text.contains(&prefix),
                "{prefix} in {file}"
            );
        }
    }

    #[test]
    fn only_what_a_dead_run_made_is_swept() {
        assert!(!made_by_a_dead_run("root"));
        assert!(!made_by_a_dead_run("cstomers"));
        assert!(!made_by_a_dead_run(&format!("{MARK}{}x0a", getpid())));
        assert!(made_by_a_dead_run(&format!("{MARK}{}x0a", i32::MAX)));
    }
}
