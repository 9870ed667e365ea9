//! The executable.

fn main() -> std::process::ExitCode {
    csvault::cli::main()
}
