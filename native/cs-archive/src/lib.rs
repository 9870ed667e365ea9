//! The export package: a ZIP with `DocItemSet.xml` and its companions, read and written as a stream.
//!
//! Reading turns the bytes of a package into [`PackageEvent`]s whose bytes, put together in order, are
//! the package's documents to the letter (UTF-16 is turned into UTF-8). Writing joins deflated
//! [`Run`]s into entries. Nothing here touches the disk or knows a store.

mod bytes;
mod decode;
mod directory;
mod error;
mod event;
mod frame;
mod inflate;
mod item_key;
mod limits;
mod names;
mod namespaces;
mod read;
mod reader;
mod rules;
mod scan;
mod split;
mod tag;
mod token;
mod twins;
mod write;
pub mod xml;

pub use error::ReadError;
pub use event::{PackageEvent, PackageSummary, PartRole};
pub use frame::{SCOPE_FRAMEWORK, document_frame};
pub use limits::ReadLimits;
pub use read::{check, read};
pub use reader::PackageReader;
pub use write::{EntryPlan, PackageWriter, Run, TooLarge, deflate_run, package_length};
