//! Where things are: the workspace's root, its build folder, PowerShell.

use std::path::PathBuf;
use std::process::Command;

/// The root of the workspace.
pub fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or(here.clone(), PathBuf::from)
}

/// The build folder.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// PowerShell, when it is on PATH.
pub fn find_pwsh() -> Option<PathBuf> {
    let name = format!("pwsh{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(&name))
        .find(|path| path.is_file())
}

/// Builds an executable of the workspace, as developers have it, and says where it is.
pub fn executable(package: &str) -> Result<PathBuf, String> {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", package])
        .current_dir(root())
        .status()
        .map_err(|error| format!("cargo could not be started: {error}"))?;
    if !status.success() {
        return Err(format!("{package} did not build"));
    }
    let name = format!("{package}{}", std::env::consts::EXE_SUFFIX);
    Ok(target().join("debug").join(name))
}
