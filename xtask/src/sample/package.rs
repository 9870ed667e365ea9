//! Packages out of documents.

use cs_archive::{EntryPlan, PackageWriter, Run, deflate_run, document_frame, package_length};
use cs_model::{DocumentId, DocumentKey};

/// Bytes that are deflated at once.
const RUN_BYTES: usize = 512 * 1024;

const HEADER: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?><Header xmlns=\"urn:schema:CsVault.Package.2026\" Version=\"1\" />";
const TYPES: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"xml\" ContentType=\"text/xml\" /></Types>";

/// An entry as it grows.
struct Entry {
    name: &'static str,
    text: Vec<u8>,
    runs: Vec<Run>,
}

impl Entry {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            text: Vec::new(),
            runs: Vec::new(),
        }
    }

    fn push(&mut self, text: &str) -> Result<(), String> {
        self.text.extend_from_slice(text.as_bytes());
        if self.text.len() >= RUN_BYTES {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> Result<(), String> {
        if !self.text.is_empty() {
            self.runs
                .push(deflate_run(&self.text).map_err(|error| error.to_string())?);
            self.text.clear();
        }
        Ok(())
    }
}

/// A package that is being written. Only its deflated form is kept in memory.
pub struct Package {
    set: Entry,
}

impl Package {
    pub fn new() -> Result<Self, String> {
        let mut set = Entry::new("DocItemSet.xml");
        set.push("<?xml version=\"1.0\" encoding=\"utf-8\"?><DocItemSet>")?;
        Ok(Self { set })
    }

    /// Text inside the set, as it is.
    pub fn text(&mut self, text: &str) -> Result<(), String> {
        self.set.push(text)
    }

    /// A document with its items: the inside of `Key` as attributes, the signature, the payload.
    pub fn document(
        &mut self,
        key: &DocumentKey,
        items: &[(String, String, String)],
    ) -> Result<(), String> {
        let (head, tail) = document_frame(&DocumentId::Keyed(key.clone()));
        self.set
            .push(&head.replace("Count=\"1\"", &format!("Count=\"{}\"", items.len())))?;
        for (item_key, signature, payload) in items {
            self.set.push(&format!(
                "<Item><Key{item_key} /><Value Signature=\"{signature}\">{payload}</Value></Item>"
            ))?;
        }
        self.set.push(&tail)
    }

    /// The bytes of the package.
    pub fn finish(mut self) -> Result<Vec<u8>, String> {
        self.set.push("</DocItemSet>")?;
        let mut header = Entry::new("Header.xml");
        header.push(HEADER)?;
        let mut types = Entry::new("[Content_Types].xml");
        types.push(TYPES)?;
        let mut entries = [header, self.set, types];
        let mut plans = Vec::new();
        for entry in &mut entries {
            entry.flush()?;
            let mut plan = EntryPlan::new(entry.name);
            entry
                .runs
                .iter()
                .for_each(|run| plan.add(run.crc32, run.length, run.data.len() as u64));
            plans.push(plan);
        }
        let length = package_length(&plans).map_err(|error| error.to_string())?;
        let mut out = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        write(&mut out, &plans, &entries).map_err(|error| error.to_string())?;
        Ok(out)
    }
}

fn write(out: &mut Vec<u8>, plans: &[EntryPlan], entries: &[Entry]) -> std::io::Result<()> {
    let mut writer = PackageWriter::new(out, plans);
    for entry in entries {
        writer.begin_entry()?;
        for run in &entry.runs {
            writer.run(&run.data)?;
        }
        writer.end_entry()?;
    }
    writer.finish()
}
