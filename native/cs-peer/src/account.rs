//! Names of accounts and groups.

use std::io;

use windows_sys::Win32::Foundation::ERROR_NONE_MAPPED;
use windows_sys::Win32::Security::Authorization::ConvertStringSidToSidW;
use windows_sys::Win32::Security::{
    LookupAccountNameW, LookupAccountSidW, SidTypeAlias, SidTypeDomain, SidTypeGroup, SidTypeUser,
    SidTypeWellKnownGroup,
};
use windows_sys::Win32::System::WindowsProgramming::GetComputerNameW;

use crate::buffer::{Filled, Local, check, narrow, sid_text, wide};

/// The longest name and the longest domain that are asked for, in UTF-16 units with the closing NUL.
const NAME: usize = 512;

/// The longest SID in binary form (`SECURITY_MAX_SID_SIZE` of the Windows SDK).
const SID_BYTES: u32 = 68;

/// What an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// A person's or a service's.
    User,
    /// A group, of any sort.
    Group,
    /// A domain, or this machine as one.
    Domain,
    /// Anything else.
    Other,
}

/// An account or group that the system knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its SID in text form.
    pub sid: String,
    /// Its name, without the domain.
    pub name: String,
    /// The domain or machine that it is of.
    pub domain: String,
    /// What it is.
    pub kind: AccountKind,
}

fn kind(number: i32) -> AccountKind {
    #[expect(non_upper_case_globals, reason = "the constants are the system's")]
    match number {
        SidTypeUser => AccountKind::User,
        SidTypeGroup | SidTypeAlias | SidTypeWellKnownGroup => AccountKind::Group,
        SidTypeDomain => AccountKind::Domain,
        _ => AccountKind::Other,
    }
}

fn known(done: io::Result<()>) -> io::Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(ERROR_NONE_MAPPED.cast_signed()) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The account with a SID, `None` when the system knows none. May ask a domain controller.
///
/// # Errors
/// A text that is no SID; what the system says.
pub fn account_of(sid: &str) -> io::Result<Option<Account>> {
    let text = wide(sid)?;
    let mut binary = std::ptr::null_mut();
    #[expect(unsafe_code, reason = "a call of the system")]
    // SAFETY: the text ends with a NUL, and `binary` is ours to be written.
    check(unsafe { ConvertStringSidToSidW(text.as_ptr(), &raw mut binary) })?;
    let _freed_at_the_end = Local(binary);
    let (mut name, mut domain) = ([0; NAME], [0; NAME]);
    let (mut name_units, mut domain_units) = (NAME as u32, NAME as u32);
    let mut number = 0;
    #[expect(unsafe_code, reason = "a call of the system")]
    // SAFETY: the SID was just made by the system, both texts have as much room as is said, and the numbers are ours to be written.
    let done = check(unsafe {
        LookupAccountSidW(
            std::ptr::null(),
            binary,
            name.as_mut_ptr(),
            &raw mut name_units,
            domain.as_mut_ptr(),
            &raw mut domain_units,
            &raw mut number,
        )
    });
    Ok(known(done)?.then(|| Account {
        sid: sid.to_owned(),
        name: narrow(&name, name_units),
        domain: narrow(&domain, domain_units),
        kind: kind(number),
    }))
}

/// The account with a name, also `domain\name`; `None` when the system knows none. May ask a domain controller.
///
/// # Errors
/// A text with a NUL; what the system says.
pub fn account_named(account: &str) -> io::Result<Option<Account>> {
    let text = wide(account)?;
    let mut sid = Filled::with_room(SID_BYTES);
    let mut sid_bytes = SID_BYTES;
    let mut domain = [0; NAME];
    let mut domain_units = NAME as u32;
    let mut number = 0;
    #[expect(unsafe_code, reason = "a call of the system")]
    // SAFETY: the name ends with a NUL, the SID and the domain have as much room as is said, and the numbers are ours to be written.
    let done = check(unsafe {
        LookupAccountNameW(
            std::ptr::null(),
            text.as_ptr(),
            sid.as_mut_ptr(),
            &raw mut sid_bytes,
            domain.as_mut_ptr(),
            &raw mut domain_units,
            &raw mut number,
        )
    });
    if !known(done)? {
        return Ok(None);
    }
    #[expect(unsafe_code, reason = "reads what the system wrote")]
    // SAFETY: the call succeeded, so that a SID is there; it lives until the end of this function.
    let sid = unsafe { sid_text(sid.as_mut_ptr()) }?;
    let name = account.rsplit('\\').next().unwrap_or(account);
    Ok(Some(Account {
        sid,
        name: name.to_owned(),
        domain: narrow(&domain, domain_units),
        kind: kind(number),
    }))
}

/// The name of this machine.
///
/// # Errors
/// What the system says.
pub fn computer() -> io::Result<String> {
    let mut name = [0; NAME];
    let mut units = NAME as u32;
    #[expect(unsafe_code, reason = "a call of the system")]
    // SAFETY: the text has as much room as is said.
    check(unsafe { GetComputerNameW(name.as_mut_ptr(), &raw mut units) })?;
    Ok(narrow(&name, units))
}
