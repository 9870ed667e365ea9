//! Access tokens: whose they are, and their groups.

use std::io;
use std::mem::offset_of;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};

use windows_sys::Win32::Foundation::{ERROR_INSUFFICIENT_BUFFER, HANDLE};
use windows_sys::Win32::Security::{
    GetTokenInformation, IsTokenRestricted, SID_AND_ATTRIBUTES, TOKEN_GROUPS,
    TOKEN_INFORMATION_CLASS, TOKEN_QUERY, TOKEN_USER, TokenGroups, TokenIsAppContainer, TokenUser,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetCurrentThread, OpenProcessToken, OpenThreadToken,
};

use crate::buffer::{Filled, check, sid_text};
use crate::{Group, Identity};

/// An open token, for reading.
#[derive(Debug)]
pub struct Token(OwnedHandle);

impl Token {
    /// That of the client whom this thread impersonates.
    ///
    /// # Errors
    /// When the thread impersonates nobody, or a client who stays anonymous.
    pub fn of_thread() -> io::Result<Self> {
        let mut handle: HANDLE = std::ptr::null_mut();
        // As ourselves: the client need not be allowed to read its own token.
        let as_ourselves = 1;
        #[expect(unsafe_code, reason = "a call of the system")]
        // SAFETY: takes nothing, gives a handle that needs no closing and stands for this thread.
        let thread = unsafe { GetCurrentThread() };
        #[expect(unsafe_code, reason = "a call of the system")]
        // SAFETY: the thread's handle is always valid, and `handle` is ours to be written.
        check(unsafe { OpenThreadToken(thread, TOKEN_QUERY, as_ourselves, &raw mut handle) })?;
        #[expect(unsafe_code, reason = "takes over a handle")]
        // SAFETY: the call before succeeded, so that this is an open handle, which nobody else has.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(handle) }))
    }

    /// That of this process.
    ///
    /// # Errors
    /// What the system says.
    pub fn of_process() -> io::Result<Self> {
        let mut handle: HANDLE = std::ptr::null_mut();
        #[expect(unsafe_code, reason = "a call of the system")]
        // SAFETY: takes nothing, gives a handle that needs no closing and stands for this process.
        let process = unsafe { GetCurrentProcess() };
        #[expect(unsafe_code, reason = "a call of the system")]
        // SAFETY: the process's handle is always valid, and `handle` is ours to be written.
        check(unsafe { OpenProcessToken(process, TOKEN_QUERY, &raw mut handle) })?;
        #[expect(unsafe_code, reason = "takes over a handle")]
        // SAFETY: the call before succeeded, so that this is an open handle, which nobody else has.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(handle) }))
    }

    /// Reads one kind of information, whatever its length.
    fn information(&self, class: TOKEN_INFORMATION_CLASS) -> io::Result<Filled> {
        let mut filled = Filled::default();
        // The length is asked first; it may grow before the second call.
        for _ in 0..4 {
            let room = u32::try_from(filled.len())
                .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            let mut needed = 0;
            #[expect(unsafe_code, reason = "a call of the system")]
            // SAFETY: the handle is open, the buffer has as many bytes as are said, and `needed` is ours to be written.
            let done = check(unsafe {
                GetTokenInformation(
                    self.0.as_raw_handle(),
                    class,
                    filled.as_mut_ptr(),
                    room,
                    &raw mut needed,
                )
            });
            match done {
                Ok(()) => return Ok(filled),
                Err(error)
                    if error.raw_os_error() == Some(ERROR_INSUFFICIENT_BUFFER.cast_signed())
                        || needed > room =>
                {
                    filled = Filled::with_room(needed);
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::from(io::ErrorKind::InvalidData))
    }

    /// The SID of the account.
    ///
    /// # Errors
    /// What the system says.
    pub fn user(&self) -> io::Result<String> {
        let filled = self.information(TokenUser)?;
        if filled.len() < size_of::<TOKEN_USER>() {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        let user = filled.as_ptr().cast::<TOKEN_USER>();
        #[expect(unsafe_code, reason = "reads what the system wrote")]
        // SAFETY: the buffer is aligned and long enough, and the system wrote a TOKEN_USER there.
        let user = unsafe { user.read() };
        #[expect(unsafe_code, reason = "reads what the system wrote")]
        // SAFETY: the SID is in the same buffer, which lives until the end of this function.
        unsafe {
            sid_text(user.User.Sid)
        }
    }

    /// The entries in the list of groups.
    fn groups(&self) -> io::Result<Vec<Group>> {
        const ENTRIES: usize = offset_of!(TOKEN_GROUPS, Groups);
        let filled = self.information(TokenGroups)?;
        if filled.len() < ENTRIES {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        #[expect(unsafe_code, reason = "reads what the system wrote")]
        // SAFETY: the buffer is aligned, begins with the number of entries, and is long enough for that.
        let count = unsafe { filled.as_ptr().cast::<u32>().read() };
        let room = (filled.len() - ENTRIES) / size_of::<SID_AND_ATTRIBUTES>();
        if count as usize > room {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        let mut groups = Vec::with_capacity(count as usize);
        for place in 0..count as usize {
            let offset = ENTRIES + place * size_of::<SID_AND_ATTRIBUTES>();
            let entry = filled.as_ptr().wrapping_byte_add(offset);
            #[expect(unsafe_code, reason = "reads what the system wrote")]
            // SAFETY: the place is inside of the buffer, as was just counted, and aligned, since the buffer and the list are.
            let entry = unsafe { entry.cast::<SID_AND_ATTRIBUTES>().read() };
            #[expect(unsafe_code, reason = "reads what the system wrote")]
            // SAFETY: the SID is in the same buffer, which lives until the end of this function.
            let sid = unsafe { sid_text(entry.Sid) }?;
            groups.push(Group {
                sid,
                attributes: entry.Attributes,
            });
        }
        Ok(groups)
    }

    /// True for a token with restricting SIDs or of an app container.
    fn is_reduced(&self) -> io::Result<bool> {
        #[expect(unsafe_code, reason = "a call of the system")]
        // SAFETY: the handle is open. The call says the same for "no" and for an error; an open handle leaves none.
        let restricted = unsafe { IsTokenRestricted(self.0.as_raw_handle()) } != 0;
        let filled = self.information(TokenIsAppContainer)?;
        if filled.len() < size_of::<u32>() {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        #[expect(unsafe_code, reason = "reads what the system wrote")]
        // SAFETY: the buffer is aligned and long enough, and the system wrote a number there.
        let contained = unsafe { filled.as_ptr().cast::<u32>().read() } != 0;
        Ok(restricted || contained)
    }

    /// Who it is.
    ///
    /// # Errors
    /// What the system says.
    pub fn identity(&self) -> io::Result<Identity> {
        Ok(Identity {
            sid: self.user()?,
            groups: self.groups()?,
            is_reduced: self.is_reduced()?,
        })
    }
}

/// The SID of the account that this process runs as.
///
/// # Errors
/// What the system says.
pub fn own_sid() -> io::Result<String> {
    Token::of_process()?.user()
}
