//! From a place to a connection that is known to lead to the right account.

use std::io;
use std::path::{Path, PathBuf};

use cs_contract::{ErrorId, ErrorReport};

use crate::home::{self, Mode};
use crate::peer::PrincipalId;
use crate::{private, socket};

/// What a connection is read from and written to.
#[cfg(unix)]
pub type PipeStream = std::os::unix::net::UnixStream;
/// What a connection is read from and written to.
#[cfg(not(unix))]
pub type PipeStream = std::fs::File;

/// The service that a client means.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its data folder.
    pub home: PathBuf,
    /// Its pipe.
    pub pipe: PathBuf,
    /// The account that it must belong to.
    pub owner: Option<PrincipalId>,
    /// True when it is the user's own, which is started when it does not run.
    pub is_own: bool,
}

/// An open connection, before `hello`.
#[derive(Debug)]
pub struct Connection {
    /// The stream.
    pub stream: PipeStream,
}

impl Target {
    /// The service that the option and the environment mean.
    ///
    /// # Errors
    /// When there is no such place or account.
    pub fn find(home: Option<&Path>) -> Result<Self, ErrorReport> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let home = home::locate(home, Mode::Embedded)?;
        let pipe = socket::locate(None, &home, Mode::Embedded)?;
        let owner = set("CSVAULT_PIPE_OWNER");
        let is_own = owner.is_none() && set("CSVAULT_PIPE").is_none();
        let owner = match owner {
            None => PrincipalId::own(),
            Some(account) => Some(account_id(&account)?),
        };
        Ok(Self {
            home,
            pipe,
            owner,
            is_own,
        })
    }

    /// Connects; `None` when nobody listens.
    ///
    /// # Errors
    /// `HostNotTrusted` when the place or the listener belongs to somebody else; nothing was sent then.
    pub fn connect(&self) -> Result<Option<Connection>, ErrorReport> {
        if self.is_own {
            if std::fs::symlink_metadata(&self.home)
                .is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
            {
                return Ok(None);
            }
            home::check(&self.home, private::own_uid())
                .map_err(|report| not_trusted(&self.home, report.message))?;
        }
        self.open()
    }

    #[cfg(unix)]
    fn open(&self) -> Result<Option<Connection>, ErrorReport> {
        use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
        use std::os::unix::fs::FileTypeExt;

        let pipe = self.pipe.display();
        let metadata = match std::fs::symlink_metadata(&self.pipe) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.unreachable(&error)),
            Ok(metadata) => metadata,
        };
        if !metadata.file_type().is_socket() {
            return Err(not_trusted(&self.pipe, format!("{pipe} is not a socket.")));
        }
        let owner = private::owner(&metadata).map(PrincipalId::Uid);
        self.expect(owner, "the socket belongs to")?;
        let stream = match PipeStream::connect(&self.pipe) {
            Ok(stream) => stream,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(self.unreachable(&error)),
        };
        // The file may have been another one a moment ago; whoever listens cannot hide from the system.
        let listener = getsockopt(&stream, PeerCredentials)
            .ok()
            .map(|credentials| PrincipalId::Uid(credentials.uid()));
        self.expect(listener, "who listens there is")?;
        Ok(Some(Connection { stream }))
    }

    /// The system lets the other end know who we are, and no more than that.
    #[cfg(windows)]
    fn open(&self) -> Result<Option<Connection>, ErrorReport> {
        use std::os::windows::fs::OpenOptionsExt;
        use std::os::windows::io::AsHandle;

        const SECURITY_IDENTIFICATION: u32 = 0x0001_0000;
        let mut options = std::fs::OpenOptions::new();
        options
            .read(true)
            .write(true)
            .security_qos_flags(SECURITY_IDENTIFICATION);
        match options.open(&self.pipe) {
            Ok(stream) => {
                let owner = cs_peer::owner_of(stream.as_handle()).ok();
                let owner = owner.map(|sid| PrincipalId::Sid(sid.into()));
                self.expect(owner, "it belongs to")?;
                Ok(Some(Connection { stream }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.unreachable(&error)),
        }
    }

    fn expect(&self, found: Option<PrincipalId>, what: &str) -> Result<(), ErrorReport> {
        let (Some(expected), Some(found)) = (&self.owner, &found) else {
            let text = format!("It cannot be told who listens at {}.", self.pipe.display());
            return Err(not_trusted(&self.pipe, text));
        };
        if expected == found {
            return Ok(());
        }
        let text = format!(
            "The pipe {} is not used: {what} {found} and not {expected}.",
            self.pipe.display()
        );
        Err(not_trusted(&self.pipe, text))
    }

    fn unreachable(&self, error: &io::Error) -> ErrorReport {
        ErrorReport::new(
            ErrorId::HostUnavailable,
            format!(
                "The pipe {} cannot be opened: {error}.",
                self.pipe.display()
            ),
        )
        .on("Pipe", self.pipe.display().to_string())
    }

    /// The report of a service that does not run and is not started by its clients.
    pub fn nobody_there(&self) -> ErrorReport {
        ErrorReport::new(
            ErrorId::HostUnavailable,
            format!("No service listens at {}.", self.pipe.display()),
        )
        .on("Pipe", self.pipe.display().to_string())
        .hint("Start it with `csvault serve`, or unset CSVAULT_PIPE and CSVAULT_PIPE_OWNER to use your own.")
    }
}

fn not_trusted(path: &Path, text: String) -> ErrorReport {
    ErrorReport::new(ErrorId::HostNotTrusted, text).on("Pipe", path.display().to_string())
}

fn account_id(account: &str) -> Result<PrincipalId, ErrorReport> {
    #[cfg(unix)]
    {
        // A name first: one may consist of digits.
        if let Ok(Some(user)) = nix::unistd::User::from_name(account) {
            return Ok(PrincipalId::Uid(user.uid.as_raw()));
        }
        if let Ok(uid) = account.parse() {
            return Ok(PrincipalId::Uid(uid));
        }
    }
    #[cfg(windows)]
    {
        if let Ok(Some(found)) = cs_peer::account_named(account) {
            return Ok(PrincipalId::Sid(found.sid.into()));
        }
        if account.starts_with("S-1-") {
            return Ok(PrincipalId::Sid(account.into()));
        }
    }
    let text = format!(
        "CSVAULT_PIPE_OWNER names '{}', which is no account here.",
        account.escape_debug()
    );
    Err(ErrorReport::new(ErrorId::HostNotTrusted, text).on("Account", account))
}
