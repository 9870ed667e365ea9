//! The page that -Report asks for: what was done, from where, and what the service said.

use std::path::Path;

use cs_contract::{ErrorReport, InvokeResult};

use super::files::OutputFile;

/// A page about a call under way: its file is begun before the call and gets its name after it.
#[derive(Debug)]
pub struct Page {
    file: OutputFile,
    cmdlet: String,
    from: String,
}

impl Page {
    /// Begins the file of the page.
    ///
    /// # Errors
    /// As [`OutputFile::begin`].
    pub fn begin(
        path: &Path,
        replace: bool,
        cmdlet: String,
        from: String,
    ) -> Result<Self, ErrorReport> {
        Ok(Self {
            file: OutputFile::begin(path, replace)?,
            cmdlet,
            from,
        })
    }

    /// Writes the page.
    ///
    /// # Errors
    /// As [`OutputFile::commit`].
    pub fn finish(mut self, result: &InvokeResult, said: &[String]) -> Result<(), ErrorReport> {
        let version = match result.version {
            Some(version) => format!("New version {version}."),
            None => "Nothing was changed.".to_owned(),
        };
        let time = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%SZ");
        let lines: String = said
            .iter()
            .map(|line| format!("<li>{}</li>", escaped(line)))
            .collect();
        let page = format!(
            "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>{0}</title></head><body><h1>{0}</h1><p>{time}</p><p>{1}</p><p>{version}</p><ul>{lines}</ul></body></html>",
            escaped(&self.cmdlet),
            escaped(&self.from),
        );
        self.file.write(page.as_bytes())?;
        self.file.commit()
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
