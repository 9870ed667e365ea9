//! The closed catalog of errors. An id is never reused and never translated.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// PowerShell's error categories, as far as they are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are PowerShell's own")]
pub enum ErrorCategory {
    AuthenticationError,
    ConnectionError,
    InvalidArgument,
    InvalidData,
    InvalidOperation,
    InvalidResult,
    LimitsExceeded,
    NotImplemented,
    ObjectNotFound,
    OperationStopped,
    OperationTimeout,
    PermissionDenied,
    ProtocolError,
    ReadError,
    ResourceBusy,
    ResourceExists,
    ResourceUnavailable,
    WriteError,
}

macro_rules! catalog {
    ($($(#[doc = $doc:literal])+ $id:ident => $category:ident, $exception:literal, $hint:literal;)+) => {
        /// What went wrong, as a stable name. PowerShell shows it in `FullyQualifiedErrorId`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        pub enum ErrorId {
            $($(#[doc = $doc])+ $id,)+
        }

        impl ErrorId {
            /// Every id.
            pub const ALL: &'static [Self] = &[$(Self::$id,)+];

            /// The id as text.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$id => stringify!($id),)+ }
            }

            /// The category that PowerShell shows.
            #[must_use]
            pub fn category(self) -> ErrorCategory {
                match self { $(Self::$id => ErrorCategory::$category,)+ }
            }

            /// The .NET exception class that PowerShell raises.
            #[must_use]
            pub fn exception(self) -> &'static str {
                match self { $(Self::$id => $exception,)+ }
            }

            /// What to do next, unless the place of the error knows better.
            #[must_use]
            pub fn hint(self) -> &'static str {
                match self { $(Self::$id => $hint,)+ }
            }

            /// What the id means, for the reference page.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$id => concat!($($doc,)+),)+ }
            }
        }
    };
}

catalog! {
    /// A parameter is unknown, missing, given twice or has the wrong type.
    ParameterInvalid => InvalidArgument, "System.ArgumentException", "Run Get-Help with the cmdlet's name for its parameters.";
    /// Parameters that exclude each other were given together, or none of the sets is complete.
    ParameterSetConflict => InvalidArgument, "System.ArgumentException", "Run Get-Help with the cmdlet's name for its parameter sets.";
    /// The cmdlet does not exist.
    CmdletUnknown => ObjectNotFound, "System.Management.Automation.CommandNotFoundException", "Run Get-Command -Module CsVault for the cmdlets that there are.";
    /// No role has this name, SID or pattern.
    RoleNotFound => ObjectNotFound, "System.Management.Automation.ItemNotFoundException", "Run Get-CsAdminRole to see all roles.";
    /// A role of this name is there already.
    RoleExists => ResourceExists, "System.InvalidOperationException", "Choose another name, or change the role with Set-CsAdminRole.";
    /// A predefined role cannot be changed in this way, nor removed.
    StandardRoleReadOnly => InvalidOperation, "System.InvalidOperationException", "Make a custom role of it with New-CsAdminRole -Template, and change that one.";
    /// The group that a role stands for does not exist.
    GroupNotFound => ObjectNotFound, "System.Management.Automation.ItemNotFoundException", "Create the group first, or name one in the settings; a role is the members of the group of its name.";
    /// A scope is malformed, names a site that is not there, or is the last one of a role.
    ScopeInvalid => InvalidArgument, "System.ArgumentException", "Use global, site:<SiteId>, or OU:<distinguished name>.";
    /// A role would be given more than the caller may do.
    GrantExceeded => PermissionDenied, "System.UnauthorizedAccessException", "Ask a server administrator, or give no more than your own roles have; nothing was changed.";
    /// The roles would leave nobody who may change roles.
    LastAdministrator => InvalidOperation, "System.InvalidOperationException", "Keep the role CSAdministrator with its cmdlets and the scope Global; nothing was changed.";
    /// The store holds no topology.
    TopologyNotFound => ObjectNotFound, "System.Management.Automation.ItemNotFoundException", "Publish a topology with Publish-CsTopology, or import a package that holds one.";
    /// No account has this name.
    AccountNotFound => ObjectNotFound, "System.Management.Automation.ItemNotFoundException", "Give the account name (SamAccountName), not the display name, SIP address or user principal name.";
    /// The file is not there.
    FileNotFound => ObjectNotFound, "System.IO.FileNotFoundException", "Check the path; relative paths start at the prompt's location.";
    /// The target file is there already.
    FileExists => ResourceExists, "System.IO.IOException", "Choose another name, or use -Force to replace the file.";
    /// The path is a folder, a device or a pipe.
    FileNotRegular => InvalidArgument, "System.ArgumentException", "Give the path of a regular file.";
    /// The file cannot be read.
    FileReadFailed => ReadError, "System.IO.IOException", "Check the rights on the file and the disk it is on.";
    /// The file cannot be written.
    FileWriteFailed => WriteError, "System.IO.IOException", "Check the rights on the folder and the space on its disk. Nothing was left behind.";
    /// The package is not a ZIP file, is cut off, or its structure contradicts itself.
    PackageDamaged => InvalidData, "System.IO.InvalidDataException", "Take another copy of the package; nothing was changed.";
    /// The package is well formed and holds something that is not accepted.
    PackageRefused => InvalidData, "System.IO.InvalidDataException", "Export the configuration again, or re-zip the files with an ordinary tool; nothing was changed.";
    /// The package has no DocItemSet.xml, or one that holds no configuration.
    PackageIncomplete => InvalidData, "System.IO.InvalidDataException", "Give a package that Export-CsConfiguration wrote; nothing was changed.";
    /// An XML document is not well formed or not what is expected.
    XmlInvalid => InvalidData, "System.Xml.XmlException", "Mend the document at the place named; nothing was changed.";
    /// Something is larger, deeper or more numerous than allowed.
    LimitExceeded => LimitsExceeded, "System.InvalidOperationException", "Raise the limit in settings.json if the input is to be trusted; nothing was changed.";
    /// The caller may not run the cmdlet.
    AccessDenied => PermissionDenied, "System.UnauthorizedAccessException", "Ask an administrator for one of the roles or groups named.";
    /// The service cannot tell who the caller is.
    CallerUnidentified => AuthenticationError, "System.UnauthorizedAccessException", "Run PowerShell as a user of this machine.";
    /// The call cannot be written to the audit log, so it is refused.
    AuditUnavailable => ResourceUnavailable, "System.InvalidOperationException", "Make the audit log in the data folder writable and free space, and restart the service when its files were moved or replaced; nothing was changed.";
    /// Somebody changed the thing meanwhile.
    DocumentChanged => InvalidOperation, "System.InvalidOperationException", "Read it again and repeat; nothing was changed.";
    /// The store is being changed by another call.
    StoreBusy => ResourceBusy, "System.InvalidOperationException", "Repeat in a moment; nothing was changed.";
    /// The store cannot be read or written.
    StoreFailed => ResourceUnavailable, "System.InvalidOperationException", "Check the disk of the data folder; nothing was changed.";
    /// The store's content contradicts its checksums, or the store is older than what was committed.
    StoreDamaged => InvalidData, "System.IO.InvalidDataException", "Restore the data folder from a backup.";
    /// The call took longer than it may.
    CallTimedOut => OperationTimeout, "System.TimeoutException", "Repeat, or ask for less at a time; nothing was changed.";
    /// The call was stopped.
    CallCancelled => OperationStopped, "System.OperationCanceledException", "Nothing was changed.";
    /// The same idempotency key was used for another call.
    KeyReused => InvalidArgument, "System.ArgumentException", "Use a new idempotency key for a new call.";
    /// The service cannot be reached or started.
    HostUnavailable => ResourceUnavailable, "System.InvalidOperationException", "Run `csvault status`, or set CSVAULT_EXE to the csvault executable.";
    /// The service's end of the pipe belongs to somebody else.
    HostNotTrusted => AuthenticationError, "System.UnauthorizedAccessException", "Nothing was sent. Check who owns the data folder and its socket; CSVAULT_PIPE_OWNER names the account that is expected at CSVAULT_PIPE.";
    /// The service went away during the call.
    HostLost => ConnectionError, "System.IO.IOException", "Repeat the command; a change either happened whole or not at all.";
    /// The two sides are of different versions.
    ProtocolMismatch => ProtocolError, "System.InvalidOperationException", "Run `csvault stop` and repeat. If it stays so, install module and executable of one version.";
    /// A message breaks the protocol.
    FrameMalformed => ProtocolError, "System.InvalidOperationException", "See docs/protocol.md.";
    /// Too many calls or connections at once.
    TooManyCalls => LimitsExceeded, "System.InvalidOperationException", "Wait for running calls to end.";
    /// Not available in this version.
    FeatureNotAvailable => NotImplemented, "System.NotImplementedException", "See docs/compatibility.md for what is available.";
    /// A fault of the program.
    InternalFault => InvalidResult, "System.InvalidOperationException", "Report it with the call's number; details are in the service's log.";
}

/// What an error is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorTarget {
    /// The kind of thing: `Role`, `File`, `Parameter`, `Package`, `Cmdlet`, ...
    pub kind: String,
    /// Its name or value.
    pub name: String,
}

/// An error as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorReport {
    /// The id.
    pub id: ErrorId,
    /// The category of the id.
    pub category: ErrorCategory,
    /// One sentence: what failed, on what.
    pub message: String,
    /// The thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<ErrorTarget>,
    /// What the reader can do now.
    pub recommended_action: String,
}

impl ErrorReport {
    /// An error with the id's own category and hint.
    #[must_use]
    pub fn new(id: ErrorId, message: impl Into<String>) -> Self {
        Self {
            id,
            category: id.category(),
            message: message.into(),
            target: None,
            recommended_action: id.hint().to_owned(),
        }
    }

    /// Names the thing.
    #[must_use]
    pub fn on(mut self, kind: &str, name: impl Into<String>) -> Self {
        self.target = Some(ErrorTarget {
            kind: kind.to_owned(),
            name: name.into(),
        });
        self
    }

    /// Replaces the hint.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.recommended_action = text.into();
        self
    }
}
