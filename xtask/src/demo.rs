//! `cargo xtask demo`: the main job at a prompt, on a sample deployment in a temporary home.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::workspace::{executable, find_pwsh, root};

/// Options of the command.
#[derive(clap::Args)]
pub struct Options {
    /// Show it through `csvault run`, as on a machine without PowerShell
    #[arg(long)]
    without_powershell: bool,
}

/// The places that the demo uses.
struct Places {
    executable: PathBuf,
    home: PathBuf,
    folder: PathBuf,
}

/// Runs it: with PowerShell at its prompt, without it through the executable.
pub fn run(options: &Options) -> Outcome {
    println!("Building csvault ...");
    let executable = executable("csvault")?;
    // Short, because the path of a socket holds no more than 107 bytes; kept, because the user goes on from here.
    let folder = tempfile::Builder::new()
        .prefix("csvault-demo-")
        .tempdir()
        .map_err(|error| format!("no temporary folder: {error}"))?
        .keep();
    let places = Places {
        executable,
        home: folder.join("home"),
        folder,
    };
    let sample = root().join("tests/fixtures/litware/config.zip");
    let copy = places.folder.join("Litware.zip");
    std::fs::copy(&sample, &copy)
        .map_err(|error| format!("the sample deployment {}: {error}", sample.display()))?;

    let pwsh = find_pwsh().filter(|_| !options.without_powershell);
    let shown = match &pwsh {
        Some(pwsh) => at_the_prompt(pwsh, &places),
        None => through_the_executable(&places),
    };
    let stopped = ran(csvault(&places).arg("stop"));
    shown?;
    stopped?;
    println!();
    if pwsh.is_some() {
        println!("Open the prompt yourself, on the same store:");
        println!("  {}", prompt_line(&places));
    } else {
        println!("Without PowerShell on PATH the cmdlets ran through `csvault run`. Go on with:");
        println!("  {}", run_line(&places));
    }
    println!();
    println!(
        "Everything of it is in {}; delete that folder when you are done.",
        places.folder.display()
    );
    Ok(())
}

fn at_the_prompt(pwsh: &Path, places: &Places) -> Outcome {
    println!("A prompt, with a store in {}:", places.home.display());
    let mut command = Command::new(pwsh);
    command
        .args(["-NoProfile", "-NonInteractive", "-File"])
        .arg(root().join("xtask/demo/demo.ps1"))
        .arg("-Module")
        .arg(root().join("module"))
        .arg("-Folder")
        .arg(&places.folder)
        .env("CSVAULT_HOME", &places.home)
        .env("CSVAULT_EXE", &places.executable);
    ran(&mut command)
}

/// The same job where there is no PowerShell.
fn through_the_executable(places: &Places) -> Outcome {
    println!(
        "The cmdlets run through `csvault run`, as they do where no pwsh is on PATH; the store is in {}:",
        places.home.display()
    );
    let steps: &[(&str, &[&str])] = &[
        (
            "The sample deployment comes in.",
            &["Import-CsConfiguration", "-FileName", "Litware.zip"],
        ),
        (
            "The roles made here, and what their members may run.",
            &["Get-CsAdminRole", "-Filter", "Redmond*"],
        ),
        (
            "The whole configuration goes into one file.",
            &["Export-CsConfiguration", "-FileName", "Config.zip"],
        ),
        (
            "What would the import of that file change?",
            &[
                "Import-CsConfiguration",
                "-FileName",
                "Config.zip",
                "-WhatIf",
            ],
        ),
        (
            "The file comes back in.",
            &["Import-CsConfiguration", "-FileName", "Config.zip"],
        ),
        (
            "An Edge Server gets its local store from the same file, once.",
            &[
                "Import-CsConfiguration",
                "-FileName",
                "Config.zip",
                "-LocalStore",
            ],
        ),
        (
            "What is in the local store now?",
            &["Get-CsTopology", "-LocalStore"],
        ),
    ];
    for (title, arguments) in steps {
        println!("\n# {title}\n$ csvault run {}", typed(arguments));
        ran(csvault(places).arg("run").args(*arguments))?;
    }
    println!("\n# The service.\n$ csvault status");
    ran(csvault(places).arg("status"))
}

/// Words as they are typed at a shell, which would make file names of a wildcard.
fn typed(words: &[&str]) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|word| match word.contains('*') {
            true => format!("\"{word}\""),
            false => (*word).to_owned(),
        })
        .collect();
    words.join(" ")
}

fn csvault(places: &Places) -> Command {
    let mut command = Command::new(&places.executable);
    command
        .current_dir(&places.folder)
        .env("CSVAULT_HOME", &places.home);
    command
}

fn ran(command: &mut Command) -> Outcome {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Err(error) => Err(format!("{name} could not be run: {error}")),
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} ended with {status}")),
    }
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

/// What a user pastes into a shell of this machine.
fn prompt_line(places: &Places) -> String {
    let (home, exe) = (quoted(&places.home), quoted(&places.executable));
    let script = quoted(&root().join("xtask/demo/demo.ps1"));
    let (module, folder) = (quoted(&root().join("module")), quoted(&places.folder));
    let pwsh =
        format!("pwsh -NoExit -NoProfile -File {script} -Module {module} -Folder {folder} -Prompt");
    if cfg!(windows) {
        format!("$env:CSVAULT_HOME={home}; $env:CSVAULT_EXE={exe}; {pwsh}")
    } else {
        format!("CSVAULT_HOME={home} CSVAULT_EXE={exe} {pwsh}")
    }
}

fn run_line(places: &Places) -> String {
    let (home, exe) = (quoted(&places.home), quoted(&places.executable));
    if cfg!(windows) {
        format!("$env:CSVAULT_HOME={home}; & {exe} run Get-CsAdminRole")
    } else {
        format!("CSVAULT_HOME={home} {exe} run Get-CsAdminRole")
    }
}
