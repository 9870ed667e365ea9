//! Paths belong to the caller: what `-FileName` names is opened with the caller's own rights, however powerful the service is.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Output;

use cs_testkit::{Accounts, Home, Host};
use serde_json::json;

/// A service of root, and a member of RTCUniversalServerAdmins without any right on root's files.
struct Scene {
    home: Home,
    host: Host,
    ken: u32,
    mallory: u32,
    _accounts: Accounts,
}

impl Scene {
    fn new(test: &str) -> Option<Self> {
        let mut accounts = Accounts::new(test)?;
        let admins = accounts.group("admins");
        accounts.group("others");
        let ken = accounts.user("ken", "admins", &[]);
        let mallory = accounts.user("mallory", "others", &[]);
        let home = Home::new(env!("CARGO_BIN_EXE_csvault"));
        home.open_the_way();
        home.settings(json!({"owner": null, "groups": {"RTCUniversalServerAdmins": admins}}));
        let host = home.start_with(&["--system"]);
        Some(Self {
            home,
            host,
            ken,
            mallory,
            _accounts: accounts,
        })
    }

    /// A folder beside the home.
    fn folder(&self, name: &str, owner: u32, mode: u32) -> PathBuf {
        let path = self.home.beside(name);
        std::fs::create_dir(&path).unwrap();
        chown(&path, Some(owner), None).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        path
    }

    /// A file that belongs to somebody.
    fn file(path: &Path, owner: u32, mode: u32) {
        std::fs::write(path, "precious").unwrap();
        chown(path, Some(owner), None).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut all = vec!["run"];
        all.extend(words);
        let environment = [
            ("CSVAULT_PIPE", self.host.pipe().as_os_str()),
            ("CSVAULT_PIPE_OWNER", "root".as_ref()),
        ];
        self.home.output_as(self.ken, &all, &environment)
    }

    fn export(&self, path: &Path, force: bool) -> Output {
        let path = path.to_str().unwrap();
        let mut words = vec!["Export-CsConfiguration", "-FileName", path];
        words.extend(force.then_some("-Force"));
        self.run(&words)
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn an_export_goes_only_where_the_caller_may_write() {
    let Some(scene) = Scene::new("an_export_goes_only_where_the_caller_may_write") else {
        return;
    };
    let roots = scene.folder("roots", 0, 0o755);
    Scene::file(&roots.join("there.zip"), 0, 0o600);
    for (name, force) in [
        ("new.zip", false),
        ("there.zip", false),
        ("there.zip", true),
    ] {
        let output = scene.export(&roots.join(name), force);
        assert!(!output.status.success(), "{name} {force}: {output:?}");
        assert_eq!(names(&roots), ["there.zip"]);
        assert_eq!(std::fs::read(roots.join("there.zip")).unwrap(), b"precious");
    }
    // Not even whether there is something may be told of a folder that is closed.
    let closed = scene.folder("closed", 0, 0o700);
    Scene::file(&closed.join("there.zip"), 0, 0o600);
    let told: Vec<_> = ["there.zip", "absent.zip"]
        .iter()
        .map(|name| {
            let output = scene.export(&closed.join(name), true);
            assert!(!output.status.success(), "{output:?}");
            said(&output).replace(name, "NAME")
        })
        .collect();
    assert_eq!(told.first(), told.last());
    for device in [
        "/dev/full",
        "/dev/null",
        "/proc/self/comm",
        "/proc/self/mem",
        "/sys/new.zip",
    ] {
        for force in [false, true] {
            let output = scene.export(Path::new(device), force);
            assert!(!output.status.success(), "{device} {force}: {output:?}");
        }
    }
    // It is the caller's file, and nobody else's to read, whatever was there before.
    let kens = scene.folder("kens", scene.ken, 0o755);
    Scene::file(&kens.join("there.zip"), scene.ken, 0o666);
    for name in ["new.zip", "there.zip"] {
        let output = scene.export(&kens.join(name), name == "there.zip");
        assert!(output.status.success(), "{output:?}");
        let metadata = kens.join(name).metadata().unwrap();
        assert_eq!(metadata.uid(), scene.ken);
        assert_eq!(metadata.mode() & 0o7777, 0o600);
    }
    assert_eq!(names(&kens), ["new.zip", "there.zip"]);
}

#[test]
fn links_in_a_shared_folder_are_not_followed() {
    let Some(scene) = Scene::new("links_in_a_shared_folder_are_not_followed") else {
        return;
    };
    let shared = scene.folder("shared", 0, 0o1777);
    let kens = scene.folder("kens", scene.ken, 0o700);
    let victim = kens.join("victim.zip");
    Scene::file(&victim, scene.ken, 0o600);
    let plant = |name: &str, target: &Path| {
        let link = shared.join(name);
        symlink(target, &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(scene.mallory), None).unwrap();
        link
    };
    // To a file of the caller's, and to a place where the caller could make one.
    for (name, target) in [("a.zip", victim.clone()), ("b.zip", kens.join("made.zip"))] {
        let link = plant(name, &target);
        let output = scene.export(&link, false);
        assert!(said(&output).contains("FileExists"), "{name}: {output:?}");
        // Only the link's owner may take it away in a sticky folder.
        let output = scene.export(&link, true);
        assert!(!output.status.success(), "{name}: {output:?}");
        assert!(link.symlink_metadata().unwrap().is_symlink(), "{name}");
    }
    assert_eq!(names(&kens), ["victim.zip"]);
    assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
    // In the caller's own folder it is replaced, and what it led to stays.
    let link = kens.join("own.zip");
    symlink(&victim, &link).unwrap();
    assert!(scene.export(&link, true).status.success());
    assert!(link.symlink_metadata().unwrap().is_file());
    assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
    // So with another name of the same file.
    let other_name = kens.join("hard.zip");
    std::fs::hard_link(&victim, &other_name).unwrap();
    assert!(scene.export(&other_name, true).status.success());
    assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
    assert_eq!(victim.metadata().unwrap().nlink(), 1);
}

#[test]
fn an_import_reads_only_what_the_caller_may_read() {
    let Some(scene) = Scene::new("an_import_reads_only_what_the_caller_may_read") else {
        return;
    };
    let import = |path: &Path| {
        let words = [
            "Import-CsConfiguration",
            "-FileName",
            path.to_str().unwrap(),
            "-Confirm:$false",
        ];
        let output = scene.run(&words);
        assert!(!output.status.success(), "{output:?}");
        let text = said(&output);
        assert!(!text.contains("precious"), "{text}");
        text
    };
    let closed = scene.folder("closed", 0, 0o700);
    Scene::file(&closed.join("there.zip"), 0, 0o600);
    let there = import(&closed.join("there.zip")).replace("there.zip", "NAME");
    let absent = import(&closed.join("absent.zip")).replace("absent.zip", "NAME");
    assert_eq!(there, absent);
    let roots = scene.folder("roots", 0, 0o755);
    Scene::file(&roots.join("secret.zip"), 0, 0o600);
    assert!(import(&roots.join("secret.zip")).contains("may not be read by you"));
    // The home of the service itself.
    assert!(import(&scene.home.path().join("settings.json")).contains("may not be read by you"));
    for path in ["/dev/zero", "/proc/self/environ", "/proc/self/mem"] {
        import(Path::new(path));
    }
    assert!(scene.host.client().is_served());
}
