//! The frame header: 4 bytes length (little endian, of the payload alone), 1 byte kind.

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// One JSON-RPC 2.0 message in UTF-8 without BOM.
    Json,
    /// A chunk of raw bytes: the call id (8 bytes, little endian), then the bytes.
    Bytes,
}

/// The decoded header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// What the payload is.
    pub kind: FrameKind,
    /// Length of the payload in bytes, at least 1 and at most the limit of the kind.
    pub length: usize,
}

/// Why a header is refused. Nothing is allocated for a refused frame and the connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameHeaderError {
    /// The kind byte is neither `J` nor `B`.
    #[error("frame kind {0:#04x} is unknown; expected `J` or `B`")]
    UnknownKind(u8),
    /// The payload is empty.
    #[error("an empty frame")]
    Empty,
    /// The payload is longer than the limit of its kind.
    #[error("a frame of {length} bytes is longer than the limit of {limit}")]
    TooLong {
        /// What the header says.
        length: u32,
        /// What is allowed.
        limit: usize,
    },
}

/// The limits of the protocol, the same on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits;

impl Limits {
    /// The longest JSON payload, in bytes.
    pub const JSON_BYTES: usize = 1024 * 1024;
    /// The most raw bytes in one chunk (without the call id).
    pub const CHUNK_BYTES: usize = 256 * 1024;
    /// The deepest nesting of a JSON message.
    pub const JSON_DEPTH: usize = 64;
    /// Chunks that a client may send before the server acknowledged them.
    pub const WINDOW_CHUNKS: u32 = 16;
    /// Length of a frame header, in bytes.
    pub const HEADER_BYTES: usize = 5;
    /// Length of the call id in front of a chunk, in bytes.
    pub const CALL_ID_BYTES: usize = 8;
}

impl FrameHeader {
    /// Reads a header.
    ///
    /// # Errors
    /// [`FrameHeaderError`] for an unknown kind or a length outside the limits of the kind.
    pub fn decode(bytes: [u8; Limits::HEADER_BYTES]) -> Result<Self, FrameHeaderError> {
        let [a, b, c, d, kind] = bytes;
        let length = u32::from_le_bytes([a, b, c, d]);
        let (kind, limit, least) = match kind {
            b'J' => (FrameKind::Json, Limits::JSON_BYTES, 1),
            b'B' => (
                FrameKind::Bytes,
                Limits::CHUNK_BYTES + Limits::CALL_ID_BYTES,
                Limits::CALL_ID_BYTES + 1,
            ),
            other => return Err(FrameHeaderError::UnknownKind(other)),
        };
        let size = usize::try_from(length).unwrap_or(usize::MAX);
        if size < least {
            return Err(FrameHeaderError::Empty);
        }
        if size > limit {
            return Err(FrameHeaderError::TooLong { length, limit });
        }
        Ok(Self { kind, length: size })
    }

    /// Writes a header. The length must be within the limits of the kind.
    #[must_use]
    pub fn encode(self) -> [u8; Limits::HEADER_BYTES] {
        let length = u32::try_from(self.length).unwrap_or(u32::MAX);
        let [a, b, c, d] = length.to_le_bytes();
        let kind = match self.kind {
            FrameKind::Json => b'J',
            FrameKind::Bytes => b'B',
        };
        [a, b, c, d, kind]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_round_trips() {
        let header = FrameHeader {
            kind: FrameKind::Json,
            length: 77,
        };
        assert_eq!(FrameHeader::decode(header.encode()), Ok(header));
    }

    #[test]
    fn hostile_headers_are_refused() {
        assert_eq!(
            FrameHeader::decode([0, 0, 0, 0, b'J']),
            Err(FrameHeaderError::Empty)
        );
        assert_eq!(
            FrameHeader::decode([8, 0, 0, 0, b'B']),
            Err(FrameHeaderError::Empty)
        );
        assert!(matches!(
            FrameHeader::decode([0xff, 0xff, 0xff, 0xff, b'J']),
            Err(FrameHeaderError::TooLong { .. })
        ));
        assert_eq!(
            FrameHeader::decode([1, 0, 0, 0, b'X']),
            Err(FrameHeaderError::UnknownKind(b'X'))
        );
    }
}
