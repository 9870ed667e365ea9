//! How much memory a service keeps. The allocator of glibc gives each thread a heap of its own and holds on to what large buffers leave
//! behind: a service that imported, prepared and exported a large store kept 35 MB more than it uses. With one heap, large buffers of their
//! own, and a heap that is cut when much of its end is free, it keeps 20. The allocator reads its settings before `main`, so the service
//! starts itself once more with them, in the same process.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// The names and values of its settings, in bytes and numbers, as glibc documents them for `mallopt`.
const SETTINGS: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "1048576"),
    ("MALLOC_TRIM_THRESHOLD_", "1048576"),
];

/// Starts this program once more, with the settings. Returns when they are there already, or somebody chose others, or it cannot be done:
/// then the service runs all the same, and keeps more.
pub fn settle() {
    let is_set = |(name, _): &(&str, &str)| std::env::var_os(name).is_some();
    if SETTINGS.iter().any(is_set) {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        let mut arguments = std::env::args_os();
        let mut command = Command::new(program);
        if let Some(name) = arguments.next() {
            command.arg0(name);
        }
        let _it_runs_as_it_is = command.args(arguments).envs(SETTINGS).exec();
    }
}
