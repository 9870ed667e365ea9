//! The two ends of a named pipe.

use std::io;
use std::marker::PhantomData;
use std::os::windows::io::{AsRawHandle, BorrowedHandle};

use windows_sys::Win32::Foundation::ERROR_SUCCESS;
use windows_sys::Win32::Security::Authorization::{GetSecurityInfo, SE_KERNEL_OBJECT};
use windows_sys::Win32::Security::{OWNER_SECURITY_INFORMATION, RevertToSelf};
use windows_sys::Win32::System::Pipes::ImpersonateNamedPipeClient;

use crate::Identity;
use crate::buffer::{Local, check, sid_text};
use crate::token::Token;

/// Somebody who did not say who it is.
const ANONYMOUS: &str = "S-1-5-7";

/// This thread acts as a client. Dropping it ends that; where even that fails the process ends, since it would go on with
/// somebody else's rights.
struct Impersonating {
    /// It is a state of the thread, which must not change under it.
    _stays_on_its_thread: PhantomData<*const ()>,
}

impl Impersonating {
    fn client_of(pipe: BorrowedHandle<'_>) -> io::Result<Self> {
        #[expect(unsafe_code, reason = "a call of the system")]
        // SAFETY: the handle is open for as long as it is borrowed; one that is no pipe gives an error.
        check(unsafe { ImpersonateNamedPipeClient(pipe.as_raw_handle()) })?;
        Ok(Self {
            _stays_on_its_thread: PhantomData,
        })
    }
}

impl Drop for Impersonating {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "a call of the system")]
        // SAFETY: takes nothing and only ends what `client_of` began.
        let reverted = unsafe { RevertToSelf() };
        if reverted == 0 {
            std::process::abort();
        }
    }
}

/// Who the client at the other end of a server's pipe is. Call it after something was read from the pipe: before, the system
/// does not know, and what it says then is the identity of whoever wrote what was read last.
///
/// # Errors
/// What the system says, as for a client that wants to stay anonymous. The thread is itself again in any case.
pub fn client_of(pipe: BorrowedHandle<'_>) -> io::Result<Identity> {
    let token = {
        let _until_the_end_of_this_block = Impersonating::client_of(pipe)?;
        Token::of_thread()
    }?;
    let identity = token.identity()?;
    if identity.sid == ANONYMOUS {
        return Err(io::Error::from(io::ErrorKind::PermissionDenied));
    }
    Ok(identity)
}

/// The SID of the account that owns a pipe: whoever made its first instance. Only that account and those that it lets can make
/// further ones, and no account can give its pipes to another; so it is also who listens. (The process at the other end would say
/// the same, but an ordinary account may not open a service's process, and a process id can be another's a moment later.)
///
/// # Errors
/// What the system says.
pub fn owner_of(pipe: BorrowedHandle<'_>) -> io::Result<String> {
    let mut owner = std::ptr::null_mut();
    let mut descriptor = std::ptr::null_mut();
    #[expect(unsafe_code, reason = "a call of the system")]
    // SAFETY: the handle is open for as long as it is borrowed, `owner` and `descriptor` are ours to be written, and the system
    // takes null for what is not asked for.
    let status = unsafe {
        GetSecurityInfo(
            pipe.as_raw_handle(),
            SE_KERNEL_OBJECT,
            OWNER_SECURITY_INFORMATION,
            &raw mut owner,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            &raw mut descriptor,
        )
    };
    if status != ERROR_SUCCESS {
        return Err(io::Error::from_raw_os_error(status.cast_signed()));
    }
    let _freed_at_the_end = Local(descriptor);
    #[expect(unsafe_code, reason = "reads what the system gave")]
    // SAFETY: the SID is inside of the descriptor, which lives until the end of this function.
    unsafe {
        sid_text(owner)
    }
}
