//! The two halves of a connection: one reads, the other may be written by whoever has a reference to it.

use std::io;

use interprocess::local_socket::tokio::Stream;

/// A connection.
pub struct Pipe {
    #[cfg(unix)]
    stream: tokio::net::UnixStream,
    #[cfg(not(unix))]
    stream: Stream,
}

/// The half that reads.
#[cfg(unix)]
pub type Reading<'a> = tokio::net::unix::ReadHalf<'a>;
/// The half that reads.
#[cfg(not(unix))]
pub type Reading<'a> = &'a Stream;

/// The half that writes.
pub struct Writing<'a> {
    #[cfg(unix)]
    stream: tokio::net::unix::WriteHalf<'a>,
    #[cfg(not(unix))]
    stream: &'a Stream,
}

impl Pipe {
    /// A connection that was accepted.
    pub fn new(stream: Stream) -> Self {
        // The socket itself knows when it was read empty; through the wrapper that would be asked once more for each message.
        #[cfg(unix)]
        let Stream::UdSocket(stream) = stream;
        Self {
            #[cfg_attr(
                not(unix),
                expect(clippy::useless_conversion, reason = "the types differ on Unix")
            )]
            stream: stream.into(),
        }
    }

    /// Both halves.
    #[cfg(unix)]
    pub fn split(&mut self) -> (Reading<'_>, Writing<'_>) {
        let (reading, stream) = self.stream.split();
        (reading, Writing { stream })
    }

    /// Both halves.
    #[cfg(not(unix))]
    pub fn split(&mut self) -> (Reading<'_>, Writing<'_>) {
        (
            &self.stream,
            Writing {
                stream: &self.stream,
            },
        )
    }
}

impl Writing<'_> {
    /// Who wrote what was read last.
    ///
    /// # Errors
    /// What the system says.
    #[cfg(windows)]
    pub fn client(&self) -> io::Result<cs_peer::Identity> {
        crate::peer::after_first_frame(self.stream)
    }

    /// Writes what the client takes without waiting; 0 when it takes nothing now.
    #[cfg(unix)]
    pub fn write_now(&self, bytes: &[u8]) -> usize {
        // A fault shows again when the rest is written.
        self.stream.try_write(bytes).unwrap_or(0)
    }

    /// Nothing goes out at once here.
    #[cfg(not(unix))]
    pub fn write_now(&self, _: &[u8]) -> usize {
        0
    }

    /// Writes some bytes, once the client takes some.
    ///
    /// # Errors
    /// When it is gone.
    #[cfg(unix)]
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.stream.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stream.writable().await?
                }
                done => return done,
            }
        }
    }

    /// Writes some bytes, once the client takes some.
    ///
    /// # Errors
    /// When it is gone.
    #[cfg(not(unix))]
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut stream = self.stream;
        tokio::io::AsyncWriteExt::write(&mut stream, bytes).await
    }
}
