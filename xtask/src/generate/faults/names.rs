//! Names that a parameter cannot have, because PowerShell or the functions of the module have them.

/// The parameters that every cmdlet has, and their aliases.
const COMMON: [&str; 30] = [
    "Confirm",
    "Debug",
    "ErrorAction",
    "ErrorVariable",
    "InformationAction",
    "InformationVariable",
    "OutBuffer",
    "OutVariable",
    "PipelineVariable",
    "ProgressAction",
    "UseTransaction",
    "Verbose",
    "WarningAction",
    "WarningVariable",
    "WhatIf",
    "cf",
    "db",
    "ea",
    "ev",
    "infa",
    "iv",
    "ob",
    "ov",
    "proga",
    "pv",
    "usetx",
    "vb",
    "wa",
    "wi",
    "wv",
];

/// The variables that PowerShell fills or that steer it.
const AUTOMATIC: [&str; 51] = [
    "Args",
    "ConfirmPreference",
    "ConsoleFileName",
    "DebugPreference",
    "EnabledExperimentalFeatures",
    "Error",
    "ErrorActionPreference",
    "Event",
    "EventArgs",
    "EventSubscriber",
    "ExecutionContext",
    "False",
    "ForEach",
    "Home",
    "Host",
    "InformationPreference",
    "Input",
    "IsCoreCLR",
    "IsLinux",
    "IsMacOS",
    "IsWindows",
    "LastExitCode",
    "Matches",
    "MyInvocation",
    "NestedPromptLevel",
    "Null",
    "PID",
    "Profile",
    "ProgressPreference",
    "PSBoundParameters",
    "PSCmdlet",
    "PSCommandPath",
    "PSCulture",
    "PSDebugContext",
    "PSEdition",
    "PSHome",
    "PSItem",
    "PSScriptRoot",
    "PSSenderInfo",
    "PSUICulture",
    "PSVersionTable",
    "PWD",
    "Sender",
    "ShellId",
    "StackTrace",
    "Switch",
    "This",
    "True",
    "VerbosePreference",
    "WarningPreference",
    "WhatIfPreference",
];

/// Variables of the functions themselves.
const OWN: [&str; 1] = ["Bytes"];

/// Whose name it is already, when a parameter or an alias cannot have it.
pub fn common(name: &str) -> Option<&'static str> {
    contains(&COMMON, name).then_some("a parameter that every cmdlet has")
}

/// Whose name it is already, when a parameter cannot have it: a parameter is a variable too.
pub fn variable(name: &str) -> Option<&'static str> {
    if contains(&AUTOMATIC, name) {
        Some("a variable of PowerShell's own")
    } else {
        contains(&OWN, name).then_some("a variable of the functions that are generated")
    }
}

fn contains(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}
