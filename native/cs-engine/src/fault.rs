//! The one table that turns errors of the crates below into what a user reads.

use cs_archive::ReadError;
use cs_contract::{ErrorId, ErrorReport};
use cs_model::shown;
use cs_rbac::Denial;
use cs_store::StoreError;

use crate::Stopped;

/// What ends a call.
pub type Fault = ErrorReport;

/// True for errors about one thing of several that a pipeline may hand over; all others end the call.
pub fn is_about_one_thing(id: ErrorId) -> bool {
    matches!(
        id,
        ErrorId::RoleNotFound
            | ErrorId::RoleExists
            | ErrorId::StandardRoleReadOnly
            | ErrorId::GroupNotFound
            | ErrorId::AccountNotFound
            | ErrorId::GrantExceeded
    )
}

/// The report of a refused call.
pub fn from_denial(denial: &Denial, cmdlet: &str) -> Fault {
    ErrorReport::new(ErrorId::AccessDenied, sentence(&denial.message)).on("Cmdlet", cmdlet)
}

/// The report of accounts or groups that the system does not tell.
pub fn unreadable_accounts(what: &str) -> Fault {
    ErrorReport::new(
        ErrorId::CallerUnidentified,
        sentence(&format!("the accounts cannot be read: {what}")),
    )
    .hint("Check the accounts and groups of this machine, or the groups in settings.json.")
}

/// The report of an import that would change the roles, by somebody who may not.
pub fn from_denial_of_roles() -> Fault {
    ErrorReport::new(
        ErrorId::AccessDenied,
        "The package changes the roles, which needs the right to run Set-CsAdminRole for the whole deployment as well.",
    )
    .on("Document", crate::roles::roles_document().text())
    .hint("Ask a member of RTCUniversalServerAdmins, or import a package that holds the roles as they are; nothing was changed.")
}

/// The report of a stopped call.
pub fn from_stopped(_: Stopped) -> Fault {
    ErrorReport::new(ErrorId::CallCancelled, "The call was stopped.")
}

/// The report of a store's error.
pub fn from_store(error: &StoreError) -> Fault {
    let id = match error {
        StoreError::Busy => ErrorId::StoreBusy,
        StoreError::NotGranted { .. } => ErrorId::AccessDenied,
        StoreError::DuplicateDocument { .. } | StoreError::DuplicateItem { .. } => {
            ErrorId::PackageRefused
        }
        StoreError::Stale { .. } => ErrorId::DocumentChanged,
        StoreError::Damaged(_) | StoreError::Behind { .. } => ErrorId::StoreDamaged,
        StoreError::Stopped => ErrorId::CallCancelled,
        StoreError::DiskFull
        | StoreError::NoSuchVersion(_)
        | StoreError::TooNew { .. }
        | StoreError::Failed(_) => ErrorId::StoreFailed,
        StoreError::KeyTaken => ErrorId::KeyReused,
        StoreError::Malformed(_) => ErrorId::InternalFault,
    };
    // Names of documents and items come from packages.
    let report = ErrorReport::new(id, sentence(&shown(&error.to_string())));
    match error {
        StoreError::DiskFull => report
            .hint("Free space on the disk of the data folder and repeat; nothing was changed."),
        StoreError::DuplicateDocument { id } | StoreError::DuplicateItem { id, .. } => report
            .on("Document", shown(&id.text()))
            .hint("Remove one of the two from the package; nothing was changed."),
        StoreError::Stale { id } => report.on("Document", shown(&id.text())),
        _ => report,
    }
}

/// The report of a package's or document's fault.
pub fn from_read(error: &ReadError) -> Fault {
    let text = sentence(&error.to_string());
    match error {
        ReadError::NotAZip { .. } | ReadError::Truncated { .. } => {
            ErrorReport::new(ErrorId::PackageDamaged, text)
        }
        ReadError::Damaged { entry, .. } => {
            ErrorReport::new(ErrorId::PackageDamaged, text).on("Entry", entry.as_str())
        }
        ReadError::Refused { entry, .. } => {
            ErrorReport::new(ErrorId::PackageRefused, text).on("Entry", entry.as_str())
        }
        ReadError::Missing { part, found } => {
            let report =
                ErrorReport::new(ErrorId::PackageIncomplete, text).on("Entry", part.as_str());
            match found {
                Some(_) => report
                    .hint("Zip the files themselves, not the folders around them; nothing was changed."),
                None => report,
            }
        }
        ReadError::NoConfiguration { .. } => ErrorReport::new(ErrorId::PackageIncomplete, text)
            .on("Entry", "DocItemSet.xml")
            .hint("Give a package that Export-CsConfiguration wrote; nothing was changed."),
        ReadError::Limit { setting, .. } => ErrorReport::new(ErrorId::LimitExceeded, text)
            .on("Limit", *setting)
            .hint(format!(
                "Raise limits.{setting} in settings.json and start the service anew if the input is to be trusted; nothing was changed."
            )),
        ReadError::Xml { entry, .. } => {
            ErrorReport::new(ErrorId::XmlInvalid, text).on("Entry", entry.as_str())
        }
        ReadError::Io(_) => ErrorReport::new(ErrorId::StoreFailed, text),
        ReadError::Stopped => from_stopped(Stopped),
    }
}

/// A message as a sentence: capital letter in front, full stop behind.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let mut whole: String = letters
        .next()
        .map(|first| first.to_uppercase().collect())
        .unwrap_or_default();
    whole.push_str(letters.as_str());
    if !whole.ends_with(['.', '?', '!']) {
        whole.push('.');
    }
    whole
}
