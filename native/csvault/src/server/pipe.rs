//! The two halves of a connection: one reads, the other may be written by whoever has a reference to it.

use std::io;

use interprocess::local_socket::tokio::Stream;

/// How much of a transfer the system holds for a client that has not read it yet, on Unix. A client takes what is there in one go and
/// keeps a core for so long; with what the system would hold, that is longer than the answer to somebody else's short call may take.
#[cfg(unix)]
const TRANSFER_AHEAD: usize = 32 * 1024;

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

    /// From now on the system holds little of what the client has not read.
    pub fn stay_close(&self) {
        #[cfg(unix)]
        {
            let option = nix::sys::socket::sockopt::SndBuf;
            let stream: &tokio::net::UnixStream = self.stream.as_ref();
            let _goes_on_with_what_it_has =
                nix::sys::socket::setsockopt(stream, option, &TRANSFER_AHEAD);
        }
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

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_client_of_a_transfer_is_never_far_behind() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (stream, _other) = tokio::net::UnixStream::pair().unwrap();
            let mut pipe = Pipe { stream };
            let (_, writing) = pipe.split();
            let block = [0; 1024 * 1024];
            writing.stay_close();
            let taken = writing.write_now(&block);
            // Linux counts twice as much, for what it needs itself.
            assert!((1..=2 * TRANSFER_AHEAD).contains(&taken), "{taken}");
        });
    }
}
