//! The client's side: finding the service, checking whom it belongs to, starting it, and calling it.

mod arguments;
mod connect;
mod files;
mod help;
mod input;
mod report;
mod run;
mod start;
mod table;
mod wire;

pub use connect::Target;
pub use help::{help, is_asked_by as asks_for_help};
pub use run::{Output, Ran, RunOptions, run, told};
pub use start::started;
pub use wire::CallFault;
