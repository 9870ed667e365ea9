//! `cargo xtask demo`: the main job at a prompt, on a sample deployment in a temporary home.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::workspace::{ELSEWHERE, executable, find_pwsh, own_service_only, root};

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
    if let Err(fault) = shown.and(stopped) {
        let folder = places.folder.display();
        return Err(format!("{fault}\nwhat the demo made so far is in {folder}"));
    }
    println!();
    if pwsh.is_some() {
        println!("Open the prompt yourself, on the same store:");
        println!("  {}", prompt_line(&places));
    } else {
        let why = match options.without_powershell {
            true => "As you asked,",
            false => "Without PowerShell on PATH",
        };
        println!("{why} the cmdlets ran through `csvault run`. Go on with:");
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
    ran(own_service_only(&mut command))
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
    for (at, (title, arguments)) in steps.iter().enumerate() {
        println!("\n# {title}\n$ csvault run {}", typed(arguments));
        ran(csvault(places).arg("run").args(*arguments))?;
        if at == 0 {
            who_may_export(places)?;
        }
    }
    println!("\n# The service.\n$ csvault status");
    ran(csvault(places).arg("status"))
}

/// The role query: what a script does with the roles as JSON.
fn who_may_export(places: &Places) -> Outcome {
    let cmdlet = "Export-CsConfiguration";
    println!("\n# Which roles, custom ones included, may run the export?");
    println!(
        "$ csvault run Get-CsAdminRole --output json   # and of these the ones with {cmdlet} among their Cmdlets:"
    );
    let output = csvault(places)
        .args(["run", "Get-CsAdminRole", "--output", "json"])
        .output()
        .map_err(|error| format!("csvault could not be run: {error}"))?;
    let roles: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("csvault run Get-CsAdminRole gave no JSON: {error}"))?;
    for role in &roles {
        let holds = |cmdlets: &Vec<serde_json::Value>| cmdlets.iter().any(|held| held == cmdlet);
        if role["Cmdlets"].as_array().is_some_and(holds) {
            println!("{}", role["Identity"].as_str().unwrap_or_default());
        }
    }
    Ok(())
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
    own_service_only(&mut command);
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
    let text = path.display().to_string();
    let inner = if cfg!(windows) {
        text.replace('\'', "''")
    } else {
        text.replace('\'', r"'\''")
    };
    format!("'{inner}'")
}

/// Variables of a pasted line, with those taken back that name another service.
fn set(variables: &[(&str, String)]) -> String {
    let elsewhere = ELSEWHERE
        .iter()
        .filter(|name| std::env::var_os(name).is_some())
        .map(|name| (*name, if cfg!(windows) { "''" } else { "" }.to_owned()));
    let mut line = String::new();
    for (name, value) in variables.iter().cloned().chain(elsewhere) {
        let _infallible = if cfg!(windows) {
            write!(line, "$env:{name}={value}; ")
        } else {
            write!(line, "{name}={value} ")
        };
    }
    line
}

/// What a user pastes into a shell of this machine.
fn prompt_line(places: &Places) -> String {
    let (home, exe) = (quoted(&places.home), quoted(&places.executable));
    let script = quoted(&root().join("xtask/demo/demo.ps1"));
    let (module, folder) = (quoted(&root().join("module")), quoted(&places.folder));
    let variables = set(&[("CSVAULT_HOME", home), ("CSVAULT_EXE", exe)]);
    format!(
        "{variables}pwsh -NoExit -NoProfile -File {script} -Module {module} -Folder {folder} -Prompt"
    )
}

fn run_line(places: &Places) -> String {
    let (home, exe) = (quoted(&places.home), quoted(&places.executable));
    let call = if cfg!(windows) { "& " } else { "" };
    format!(
        "{}{call}{exe} run Get-CsAdminRole",
        set(&[("CSVAULT_HOME", home)])
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_path_can_be_pasted_whatever_is_in_it() {
        assert_eq!(quoted(Path::new("/t/it's a b")), r"'/t/it'\''s a b'");
    }
}
