//! `settings.json`: who owns the store, who is in which group, and the limits.

mod check;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use cs_archive::ReadLimits;
use cs_contract::{ErrorId, ErrorReport};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audit::AuditRules;
use crate::home::Mode;
use crate::peer::PrincipalId;
use crate::{precheck, private};

/// The longest settings file, in bytes.
const FILE_BYTES: u64 = 1024 * 1024;

/// The smallest file of the audit log, in bytes.
const AUDIT_FILE_BYTES: u64 = 4096;

/// What `settings.json` holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// The account that may do everything in this store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// An embedded service ends after so many minutes without a request; 0 means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_minutes: Option<u32>,
    /// Bytes of a file of the audit log before the next one is begun; 16 MiB when it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_file_bytes: Option<u64>,
    /// How many full files of the audit log are kept; all when it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_keep_files: Option<usize>,
    /// Group names that stand for a group of this machine: its id, on Windows its SID.
    #[serde(default)]
    pub groups: BTreeMap<String, GroupId>,
    /// Groups and roles of accounts, beside those that the machine knows.
    #[serde(default)]
    pub members: BTreeMap<String, Vec<String>>,
    /// Limits.
    #[serde(default, skip_serializing_if = "LimitSettings::is_default")]
    pub limits: LimitSettings,
}

/// The owner of a store, in the one way that its system numbers accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// Its user id on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Its SID in text form, on Windows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
}

impl Owner {
    /// True for the account that is the owner.
    #[must_use]
    pub fn is(&self, id: &PrincipalId) -> bool {
        match id {
            PrincipalId::Uid(uid) => self.uid == Some(*uid),
            PrincipalId::Sid(sid) => self.sid.as_deref() == Some(sid),
            PrincipalId::NotYetKnown => false,
        }
    }

    fn of(id: PrincipalId) -> Option<Self> {
        match id {
            PrincipalId::Uid(uid) => Some(Self {
                uid: Some(uid),
                sid: None,
            }),
            PrincipalId::Sid(sid) => Some(Self {
                uid: None,
                sid: Some(sid.to_string()),
            }),
            PrincipalId::NotYetKnown => None,
        }
    }
}

/// A group, in the way that its system numbers groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a group is its id, or on Windows its SID")]
pub enum GroupId {
    /// A group id of this machine.
    Gid(u32),
    /// A SID in text form.
    Sid(String),
}

/// Defines [`LimitSettings`] once: connection limits with their defaults, and those of packages.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr;)+ packages $($package:ident: $kind:ty,)+) => {
        /// The limits that can be set; what is absent has its default.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct LimitSettings {
            $($(#[doc = $doc])+ #[serde(default, skip_serializing_if = "Option::is_none")] pub $name: Option<$type>,)+
            $(#[doc = "See `docs/format.md`."] #[serde(default, skip_serializing_if = "Option::is_none")] pub $package: Option<$kind>,)+
        }

        /// The limits in force.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct ServerLimits {
            $($(#[doc = $doc])+ pub $name: $type,)+
            /// Limits of packages.
            pub packages: ReadLimits,
        }

        impl LimitSettings {
            /// The limits in force.
            #[must_use]
            pub fn resolve(&self) -> ServerLimits {
                let mut packages = ReadLimits::default();
                $(if let Some(value) = self.$package { packages.$package = value; })+
                ServerLimits {
                    $($name: self.$name.unwrap_or($default),)+
                    packages,
                }
            }
        }
    };
}

limits! {
    /// Connections in all.
    connections: usize = 512;
    /// Connections of one account.
    connections_per_account: usize = 64;
    /// Calls under way in one connection.
    calls_per_connection: usize = 8;
    /// Calls under way for one account.
    calls_per_account: usize = 64;
    /// Bytes of one upload.
    upload_bytes: u64 = 1024 * 1024 * 1024;
    /// Milliseconds from connecting to `hello`.
    hello_ms: u64 = 10_000;
    /// Milliseconds from the first byte of a frame to its last.
    frame_ms: u64 = 5_000;
    /// Milliseconds from one chunk of an upload to the next.
    input_ms: u64 = 120_000;
    /// Milliseconds that a client may take nothing while something waits for it.
    write_ms: u64 = 30_000;
    packages
    package_bytes: u64,
    entries: u64,
    entry_bytes: u64,
    total_bytes: u64,
    ratio: u64,
    documents: u64,
    items: u64,
    depth: usize,
    elements: u64,
    attributes: usize,
    name_bytes: usize,
    tag_bytes: usize,
    text_bytes: usize,
    frame_bytes: usize,
}

impl LimitSettings {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Settings {
    /// The settings of a new home.
    #[must_use]
    pub fn new_home(mode: Mode) -> Self {
        let owner = match mode {
            Mode::Embedded => PrincipalId::own().and_then(Owner::of),
            Mode::System => None,
        };
        Self {
            owner,
            idle_minutes: Some(15),
            ..Self::default()
        }
    }

    /// How long an embedded service waits for a request before it ends, or `None` for ever.
    #[must_use]
    pub fn idle(&self) -> Option<Duration> {
        match self.idle_minutes.unwrap_or(15) {
            0 => None,
            minutes => Some(Duration::from_secs(u64::from(minutes) * 60)),
        }
    }

    /// How the audit log is kept.
    #[must_use]
    pub fn audit_rules(&self) -> AuditRules {
        let rules = AuditRules::default();
        AuditRules {
            file_bytes: self.audit_file_bytes.unwrap_or(rules.file_bytes),
            keep_files: self.audit_keep_files.or(rules.keep_files),
            ..rules
        }
    }

    /// Reads the settings of a home, or writes those of a new one.
    ///
    /// # Errors
    /// A file that others can write, unknown or duplicate members, wrong types: named with their line.
    pub fn load(home: &Path, mode: Mode) -> Result<Self, ErrorReport> {
        let path = home.join("settings.json");
        let refused = |why: &str| {
            ErrorReport::new(
                ErrorId::HostUnavailable,
                format!("The settings in {} are refused: {why}.", path.display()),
            )
            .on("File", path.display().to_string())
            .hint("Mend the file, or move it away to have a new one written. docs/protocol.md section 8 has its members.")
        };
        let fail = |error: io::Error| refused(&error.to_string());
        let file = match private::open(&path, OpenOptions::new().read(true)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let settings = Self::new_home(mode);
                settings.write(home, &path).map_err(fail)?;
                return Ok(settings);
            }
            other => other.map_err(fail)?,
        };
        let mut bytes = Vec::new();
        file.take(FILE_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(fail)?;
        if bytes.len() as u64 > FILE_BYTES {
            return Err(refused("the file is longer than 1 MiB"));
        }
        let text = precheck::check(&bytes).map_err(|fault| refused(&fault.to_string()))?;
        // serde would take a list for the members in their order.
        if !text.trim_start().starts_with('{') {
            return Err(refused("it holds no object"));
        }
        let settings: Self =
            serde_json::from_str(text).map_err(|error| refused(&error.to_string()))?;
        check::check(&settings, text).map_err(|fault| refused(&fault))?;
        Ok(settings)
    }

    fn write(&self, home: &Path, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        let mut file = tempfile::NamedTempFile::new_in(home)?;
        file.write_all(&text)?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path).map_err(|error| error.error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Settings, String> {
        let home = tempfile::tempdir().unwrap();
        let mut options = OpenOptions::new();
        options.write(true).create(true);
        let path = home.path().join("settings.json");
        private::open(&path, &mut options)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        Settings::load(home.path(), Mode::Embedded).map_err(|fault| fault.message)
    }

    #[test]
    fn a_new_home_names_its_maker_and_reads_back() {
        let home = tempfile::tempdir().unwrap();
        let first = Settings::load(home.path(), Mode::Embedded).unwrap();
        assert_eq!(
            first.owner.clone().map(|owner| owner.uid),
            Some(private::own_uid())
        );
        assert_eq!(Settings::load(home.path(), Mode::Embedded).unwrap(), first);
        let system = tempfile::tempdir().unwrap();
        assert_eq!(
            Settings::load(system.path(), Mode::System).unwrap().owner,
            None
        );
    }

    #[test]
    fn faults_are_named_with_their_line() {
        let fault = load("{\n  \"idleMinutes\": 3,\n  \"ownr\": {\"uid\": 0}\n}").unwrap_err();
        assert!(
            fault.contains("ownr") && fault.contains("line 3"),
            "{fault}"
        );
        let fault = load("{\n  \"idleMinutes\": \"3\"\n}").unwrap_err();
        assert!(fault.contains("line 2"), "{fault}");
        let fault = load("{\"members\": {\"a\": [], \"A\": []}}").unwrap_err();
        assert!(fault.contains("twice"), "{fault}");
        let fault = load("{\n\"groups\": {\"A\": -1}}").unwrap_err();
        assert!(
            fault.contains("a group is its id") && fault.contains("line 2"),
            "{fault}"
        );
        let fault = load("{\"limits\": {\"uploadByte\": 1}}").unwrap_err();
        assert!(fault.contains("uploadByte"), "{fault}");
        load("").unwrap_err();
    }

    #[test]
    fn the_audit_log_is_kept_whole_unless_it_is_said_otherwise() {
        let rules = load("{}").unwrap().audit_rules();
        assert_eq!(
            (rules.file_bytes, rules.keep_files),
            (16 * 1024 * 1024, None)
        );
        let rules = load("{\"auditFileBytes\": 4096, \"auditKeepFiles\": 3}");
        let rules = rules.unwrap().audit_rules();
        assert_eq!((rules.file_bytes, rules.keep_files), (4096, Some(3)));
        let fault = load("{\"auditFileBytes\": 100}").unwrap_err();
        assert!(fault.contains("at least 4096"), "{fault}");
        let fault = load("{\"auditKeepFiles\": 0}").unwrap_err();
        assert!(fault.contains("at least 1"), "{fault}");
    }

    #[test]
    fn limits_have_defaults_and_can_be_set() {
        let settings = load("{\"limits\": {\"uploadBytes\": 7, \"depth\": 9}}").unwrap();
        let limits = settings.limits.resolve();
        assert_eq!((limits.upload_bytes, limits.packages.depth), (7, 9));
        assert_eq!(limits.calls_per_connection, 8);
    }
}
