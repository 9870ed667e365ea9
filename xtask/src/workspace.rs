//! Where things are: the workspace's root, its build folder, PowerShell.

use std::path::PathBuf;
use std::process::Command;

/// The root of the workspace.
pub fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or(here.clone(), PathBuf::from)
}

/// The build folder. A relative one is the workspace's, from where cargo is called here.
pub fn target() -> PathBuf {
    let named = std::env::var_os("CARGO_TARGET_DIR").filter(|named| !named.is_empty());
    root().join(named.unwrap_or_else(|| "target".into()))
}

/// Variables that name a service elsewhere.
pub const ELSEWHERE: [&str; 2] = ["CSVAULT_PIPE", "CSVAULT_PIPE_OWNER"];

/// Whatever service the user's own variables name, what is done here leaves it alone.
pub fn own_service_only(command: &mut Command) -> &mut Command {
    for name in ELSEWHERE {
        command.env_remove(name);
    }
    command
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_service_that_variables_name_is_left_alone() {
        let mut command = Command::new("csvault");
        command.env("CSVAULT_PIPE", "/own.sock");
        own_service_only(&mut command);
        let kept: Vec<_> = command
            .get_envs()
            .filter(|(_, value)| value.is_some())
            .collect();
        assert_eq!(kept, []);
    }
}
