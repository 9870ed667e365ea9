//! The documents of a package as XML: bare events of the tokenizer, or the checks of an import.

use std::path::Path;
use std::time::Instant;

use cs_archive::{PackageEvent, ReadLimits};
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::Outcome;

/// What to do with the text.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum What {
    /// Tokens alone
    Events,
    /// Everything that an import checks
    Check,
}

/// Prints the seconds.
pub fn run(package: &Path, what: What) -> Outcome {
    let mut text = Vec::new();
    let mut file = std::fs::File::open(package)?;
    cs_archive::read(&mut file, &ReadLimits::default(), &|| false, &mut |event| {
        match event {
            PackageEvent::ItemChunk(bytes) => text.extend(bytes),
            PackageEvent::DocumentStart { head, .. } => text.extend(head),
            PackageEvent::DocumentEnd { tail } => text.extend(tail),
            _ => {}
        }
        Ok(())
    })?;
    let text = format!("<DocItemSet>{}</DocItemSet>", String::from_utf8(text)?);
    let start = Instant::now();
    match what {
        What::Events => {
            let mut reader = Reader::from_str(&text);
            let mut events = 0_u64;
            while !matches!(reader.read_event()?, Event::Eof) {
                events += 1;
            }
            std::hint::black_box(events);
        }
        What::Check => cs_archive::xml::check_xml(text.as_bytes(), "all", &ReadLimits::default())?,
    }
    println!("{}", start.elapsed().as_secs_f64());
    Ok(())
}
