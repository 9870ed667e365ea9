//! Memory that the system fills or gives, and texts in it.

use std::ffi::c_void;
use std::io;

use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Authorization::ConvertSidToStringSidW;
use windows_sys::Win32::Security::{IsValidSid, PSID};
use windows_sys::core::BOOL;

/// The longest text of a SID with its closing NUL: revision, authority and 15 parts of up to 10 digits.
const SID_TEXT: usize = 256;

/// Turns the result of a call that says what went wrong in the thread's last error into a `Result`.
pub fn check(result: BOOL) -> io::Result<()> {
    if result == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Memory for a structure that the system writes, aligned for pointers.
#[derive(Debug, Default)]
pub struct Filled {
    words: Vec<u64>,
    bytes: usize,
}

impl Filled {
    /// Room for so many bytes.
    pub fn with_room(bytes: u32) -> Self {
        let bytes = bytes as usize;
        Self {
            words: vec![0; bytes.div_ceil(size_of::<u64>())],
            bytes,
        }
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Where they are, to be written.
    pub fn as_mut_ptr(&mut self) -> *mut c_void {
        self.words.as_mut_ptr().cast()
    }

    /// Where they are.
    pub fn as_ptr(&self) -> *const c_void {
        self.words.as_ptr().cast()
    }
}

/// Memory of the local heap that the system gave, given back when it is dropped.
#[derive(Debug)]
pub struct Local(pub *mut c_void);

impl Drop for Local {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "a call of the system")]
        // SAFETY: whoever made this value got the pointer from a call that says to free it so, and nobody else keeps it.
        let _kept_when_that_fails = unsafe { LocalFree(self.0) };
    }
}

/// The text form of a SID.
///
/// # Safety
/// `sid` points to a whole SID, or is null.
#[expect(
    unsafe_code,
    reason = "takes a pointer that only its caller can vouch for"
)]
pub unsafe fn sid_text(sid: PSID) -> io::Result<String> {
    if sid.is_null() {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    // SAFETY: the caller vouches for the pointer.
    if unsafe { IsValidSid(sid) } == 0 {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    let mut text = std::ptr::null_mut();
    // SAFETY: the SID was just found to be one, and `text` is ours to be written.
    check(unsafe { ConvertSidToStringSidW(sid, &raw mut text) })?;
    let owner = Local(text.cast());
    let mut units = Vec::with_capacity(64);
    for place in 0..SID_TEXT {
        // SAFETY: the text ends with a NUL, no place behind which is read.
        let at = unsafe { text.add(place) };
        // SAFETY: as above; the memory lives until `owner` is dropped.
        let unit = unsafe { at.read() };
        if unit == 0 {
            break;
        }
        units.push(unit);
    }
    drop(owner);
    String::from_utf16(&units).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}

/// A text as the system takes it, with its closing NUL.
///
/// # Errors
/// `InvalidInput` when a NUL is inside.
pub fn wide(text: &str) -> io::Result<Vec<u16>> {
    if text.contains('\0') {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    Ok(text.encode_utf16().chain([0]).collect())
}

/// The text that the system wrote: so many units, or up to the first NUL.
pub fn narrow(units: &[u16], length: u32) -> String {
    let written = units.get(..length as usize).unwrap_or(units);
    let text = written.split(|&unit| unit == 0).next().unwrap_or_default();
    String::from_utf16_lossy(text)
}
