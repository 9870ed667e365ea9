//! The executable as a library: pipe server, caller identity, service and command line.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod allocator;
mod audit;
pub mod cli;
mod client;
mod directory;
mod home;
mod lock;
mod peer;
mod precheck;
mod private;
mod schema;
#[cfg(unix)]
mod sd_notify;
mod serve;
mod server;
mod service;
mod service_log;
mod settings;
mod socket;
mod status;
mod stores;

/// What a stranger's bytes meet first, public so that it can be fuzzed.
pub mod untrusted {
    pub use crate::precheck::{JsonFault, check as check_json};
    pub use crate::server::{
        FrameReader, Message, Payload, ReadFault, Refusal, params, parse as parse_message,
    };
}
