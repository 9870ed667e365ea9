//! Limits on what a package may hold. All are configurable in `settings.json`.

/// How much a package may hold before it is refused. The defaults admit every real deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Length of the ZIP itself, in bytes.
    pub package_bytes: u64,
    /// Entries in the ZIP.
    pub entries: u64,
    /// Inflated bytes of one entry.
    pub entry_bytes: u64,
    /// Inflated bytes of all entries.
    pub total_bytes: u64,
    /// Inflated bytes for each deflated byte, once 16 MiB were inflated.
    pub ratio: u64,
    /// Documents in the set.
    pub documents: u64,
    /// Items in one document.
    pub items: u64,
    /// Nesting of elements.
    pub depth: usize,
    /// Elements in one entry.
    pub elements: u64,
    /// Attributes of one element.
    pub attributes: usize,
    /// Bytes of one name.
    pub name_bytes: usize,
    /// Bytes of one start tag, with its attributes.
    pub tag_bytes: usize,
    /// Bytes of one run of text, comment or CDATA section.
    pub text_bytes: usize,
    /// Bytes of a document outside its items.
    pub frame_bytes: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            package_bytes: 1024 * MIB,
            entries: 64,
            entry_bytes: 2048 * MIB,
            total_bytes: 2048 * MIB,
            ratio: 200,
            documents: 1_000_000,
            items: 1_000_000,
            depth: 64,
            elements: 100_000_000,
            attributes: 256,
            name_bytes: 1024,
            tag_bytes: 1024 * 1024,
            text_bytes: 16 * 1024 * 1024,
            frame_bytes: 1024 * 1024,
        }
    }
}
