//! Where the bytes of an upload come from.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use cs_contract::{CmdletManifest, ErrorId, ErrorReport, ParameterType, Transfer};

use super::arguments::Arguments;
use super::files::open_input;

/// What names the source of an upload.
pub const UPLOADED: [ParameterType; 3] = [
    ParameterType::PathToRead,
    ParameterType::Bytes,
    ParameterType::Xml,
];

/// Where a call's bytes come from.
pub enum Input {
    File(File),
    Standard(io::Stdin),
}

impl Input {
    /// The input that the parameters name; `-` is standard input.
    ///
    /// # Errors
    /// When they name none, or several, or one that cannot be read.
    pub fn open(
        manifest: &CmdletManifest,
        arguments: &Arguments,
    ) -> Result<Option<Self>, ErrorReport> {
        if manifest.transfer != Some(Transfer::Upload) {
            return Ok(None);
        }
        let mut sources = arguments.of_type(manifest, &UPLOADED);
        let names = || {
            let names = manifest
                .parameters
                .iter()
                .filter(|parameter| UPLOADED.contains(&parameter.r#type));
            names
                .map(|parameter| format!("-{}", parameter.name))
                .collect::<Vec<_>>()
                .join(" or ")
        };
        match (sources.next(), sources.next()) {
            (Some((_, "-")), None) => Ok(Some(Self::Standard(io::stdin()))),
            (Some((_, path)), None) => {
                open_input(Path::new(path)).map(|file| Some(Self::File(file)))
            }
            (Some(_), Some(_)) => Err(ErrorReport::new(
                ErrorId::ParameterSetConflict,
                format!("{} takes one of {}.", manifest.name(), names()),
            )),
            (None, _) => Err(ErrorReport::new(
                ErrorId::ParameterInvalid,
                format!("{} needs {}.", manifest.name(), names()),
            )),
        }
    }

    /// Back to its beginning, where that is possible.
    pub fn rewind(&mut self) -> bool {
        match self {
            Self::File(file) => file.rewind().is_ok(),
            Self::Standard(_) => false,
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Standard(stdin) => stdin.read(buffer),
        }
    }
}

/// Refuses `-` where a file is named: one command line would take it for standard input or output, and another for a file.
///
/// # Errors
/// `ParameterInvalid`, with what to write instead.
pub fn refuse_dash(manifest: &CmdletManifest, arguments: &Arguments) -> Result<(), ErrorReport> {
    let files = [ParameterType::PathToRead, ParameterType::PathToWrite];
    let Some((parameter, _)) = arguments
        .of_type(manifest, &files)
        .find(|(_, path)| *path == "-")
    else {
        return Ok(());
    };
    let name = &parameter.name;
    let bytes = manifest.parameters.iter().find(|other| {
        matches!(other.r#type, ParameterType::Bytes | ParameterType::Xml)
            && parameter.r#type == ParameterType::PathToRead
    });
    let hint = match (bytes, manifest.transfer) {
        (Some(bytes), _) => format!("Give -{} - to read standard input", bytes.name),
        (None, Some(Transfer::Download)) => "Give -AsBytes to write to standard output".to_owned(),
        (None, _) => "Give the name of a file".to_owned(),
    };
    let text = format!("-{name} takes a file, and - is not the name of one.");
    Err(ErrorReport::new(ErrorId::ParameterInvalid, text)
        .on("Parameter", name.as_str())
        .hint(format!("{hint}, or ./- for a file of that name.")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::arguments::find_cmdlet;

    fn refused(cmdlet: &str, words: &[&str]) -> Option<String> {
        let manifest = find_cmdlet(cmdlet).unwrap();
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let arguments = Arguments::parse(manifest, &words).unwrap();
        let report = refuse_dash(manifest, &arguments).err()?;
        assert_eq!(report.id, ErrorId::ParameterInvalid);
        Some(report.recommended_action)
    }

    #[test]
    fn a_dash_is_no_file() {
        for (cmdlet, words, hint) in [
            (
                "Import-CsConfiguration",
                &["-FileName", "-"],
                "-ByteInput -",
            ),
            ("Publish-CsTopology", &["-FileName", "-"], "-Document -"),
            ("Export-CsConfiguration", &["-FileName", "-"], "-AsBytes"),
            ("Publish-CsTopology", &["-BackupFileName", "-"], "./-"),
        ] {
            let said = refused(cmdlet, words).unwrap();
            assert!(said.contains(hint) && said.contains("./-"), "{said}");
        }
        for (cmdlet, words) in [
            ("Import-CsConfiguration", &["-ByteInput", "-"]),
            ("Publish-CsTopology", &["-Document", "-"]),
            ("Export-CsConfiguration", &["-FileName", "./-"]),
        ] {
            assert_eq!(refused(cmdlet, words), None);
        }
    }
}
