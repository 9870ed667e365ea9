//! The encodings in which topology documents arrive: UTF-8 with or without BOM, UTF-16 with BOM (Out-File of Windows
//! PowerShell), the ANSI code page (Set-Content). All of them were seen in scripts.

use cs_contract::{ErrorId, ErrorReport};

use crate::fault::Fault;

/// The document as text, without BOM and without XML declaration.
pub fn decode(bytes: &[u8]) -> Result<String, Fault> {
    let text = match bytes {
        [] => return Err(refuse("the file is empty")),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest)?,
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        [b'P', b'K', 3, 4, ..] => {
            return Err(refuse("it is a ZIP package")
                .hint("Restore a package with Import-CsConfiguration; nothing was changed."));
        }
        plain => utf8(plain).or_else(|error| ansi(plain).ok_or(error))?,
    };
    let text = text.trim_start();
    let body = match text.strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>").map_or(text, |(_, body)| body),
        None => text,
    };
    Ok(body.trim().to_owned())
}

fn refuse(what: &str) -> Fault {
    ErrorReport::new(
        ErrorId::XmlInvalid,
        format!("The topology document cannot be read: {what}."),
    )
    .on("Document", "Topology")
}

fn utf8(bytes: &[u8]) -> Result<String, Fault> {
    String::from_utf8(bytes.to_vec()).map_err(|error| {
        refuse(&format!(
            "it is not UTF-8 at byte {}",
            error.utf8_error().valid_up_to()
        ))
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Fault> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(refuse("its UTF-16 text ends in half a character"));
    }
    char::decode_utf16(pairs.iter().map(|&pair| unit(pair)))
        .collect::<Result<String, _>>()
        .map_err(|_| refuse("its UTF-16 text has an unpaired surrogate"))
}

/// Latin-1, only for documents that declare no other encoding and hold no control characters.
fn ansi(bytes: &[u8]) -> Option<String> {
    let declared = bytes.get(..100.min(bytes.len())).unwrap_or_default();
    let declares_utf8 = String::from_utf8_lossy(declared)
        .to_ascii_lowercase()
        .contains("utf-8");
    let text = bytes
        .iter()
        .all(|&b| b >= 0xa0 || matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7e));
    (text && !declares_utf8).then(|| bytes.iter().map(|&b| char::from(b)).collect())
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn every_encoding_seen_in_scripts_is_read() {
        let text = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<Topology City=\"Zürich\"/>\r\n";
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut big: Vec<u8> = vec![0xfe, 0xff];
        big.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
        let mut bom = vec![0xef, 0xbb, 0xbf];
        bom.extend(text.as_bytes());
        let mut little = vec![0xff, 0xfe];
        little.extend(utf16);
        for bytes in [
            text.as_bytes().to_vec(),
            bom,
            little,
            big,
            b"<Topology City=\"Z\xfcrich\"/>".to_vec(),
        ] {
            assert_eq!(decode(&bytes).unwrap(), "<Topology City=\"Zürich\"/>");
        }
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for bytes in [
            &b""[..],
            b"PK\x03\x04rest",
            b"\xff\xfe\x41",
            b"\x00\x01\x02\xff",
            b"\xff\xfe\x00\xd8",
        ] {
            assert!(decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
