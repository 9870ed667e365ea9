//! Cmdlets and their parameters.

use serde_json::json;

use super::*;

#[test]
fn faults_of_cmdlets_are_told() {
    let get = "cmdlets/Get-CsThing.json";
    let said = |what: &str| format!("{get}: {what}");
    let changes = [
        (
            "verb",
            json!("Fetch"),
            "cmdlets/Fetch-CsThing.json: the verb Fetch is not an approved one; write one of Add, "
                .to_owned(),
        ),
        (
            "synopsis",
            json!(" "),
            said("the synopsis is empty; write it"),
        ),
        ("description", json!([]), said("the description is empty")),
        ("since", json!(""), said("since is empty")),
        ("examples", json!([]), said("there is no example")),
        (
            "examples/0/code",
            json!(""),
            said("the code of an example is empty"),
        ),
        (
            "examples/0/remarks",
            json!(""),
            said("the remarks of an example is empty"),
        ),
        (
            "access/groups",
            json!([]),
            said("access has no groups; name those"),
        ),
        (
            "access/groups",
            json!(["Everybody"]),
            said("the group Everybody is not known; write one of RTCUniversalServerAdmins, "),
        ),
        (
            "access/localStoreAlso",
            json!(["Everybody"]),
            said("the group Everybody is not known"),
        ),
        (
            "output/-",
            json!("CsVault.Thing[]"),
            said("the output CsVault.Thing[] is a list; write CsVault.Thing, for"),
        ),
        (
            "output/-",
            json!("CsVault.Part"),
            said(
                "the output CsVault.Part is bare, which only a property can be; write System.String",
            ),
        ),
        (
            "output/-",
            json!("CsVault.Lost"),
            said(
                "the output CsVault.Lost has no manifest; write one in manifests/types, or one of System.String, ",
            ),
        ),
        (
            "output/-",
            json!("CsVault.Thing"),
            said("the output CsVault.Thing is there twice"),
        ),
        (
            "shouldProcess",
            json!("Low"),
            said("shouldProcess needs a change, which says what the user is asked"),
        ),
        (
            "change",
            json!({ "action": "Do" }),
            said("a change needs shouldProcess and no transfer"),
        ),
    ];
    // A noun that names no cmdlet also makes the completer and the role name none.
    let noun = "cmdlets/Get-Thing.json: the noun Thing is not Cs and a word with a capital letter; write it as in CsThing
cmdlets/Get-Thing.json: the completer Get-CsThing.Name of -Identity names no cmdlet
roles.json: CSOne lists Get-CsThing, which has no manifest and is not in catalog.json";
    assert_said(&[("/cmdlets/0/noun", json!("Thing"), noun)]);
    for (place, value, said) in changes {
        let mut said = said;
        if place == "verb" {
            said +=
                "\ncmdlets/Fetch-CsThing.json: the completer\nroles.json: CSOne lists Get-CsThing";
        }
        assert_said(&[(&format!("/cmdlets/0/{place}"), value, &said)]);
    }
    assert_said(&[
        (
            "/cmdlets/1/change/each",
            json!("Name"),
            "cmdlets/Set-CsThing.json: each of the change names Name, which is no parameter",
        ),
        (
            "/cmdlets/1/change/action",
            json!(""),
            "cmdlets/Set-CsThing.json: the action of the change is empty",
        ),
        (
            "/cmdlets/2/transfer",
            json!(null),
            "cmdlets/Import-CsThing.json: -ByteInput holds bytes, and there is no transfer",
        ),
        (
            "/cmdlets/2/parameters/1/side",
            json!("Both"),
            "cmdlets/Import-CsThing.json: -FileName is a path or bytes, which the service never sees; write \"side\": \"Client\"",
        ),
    ]);
}

#[test]
fn faults_of_parameters_are_told() {
    let second = "/cmdlets/0/parameters/1";
    let filter = |what: &str| format!("cmdlets/Get-CsThing.json: {what}");
    let mut changes = Vec::new();
    for name in ["Na me", "", "1st", "a-b", "Größe"] {
        changes.push((
            "name",
            json!(name),
            format!("-{name} is no name of a parameter; write letters and digits"),
        ));
    }
    for name in ["Verbose", "whatif", "ProgressAction", "ErrorVariable", "ea"] {
        changes.push((
            "name",
            json!(name),
            format!("-{name} is a parameter that every cmdlet has; choose"),
        ));
        changes.push((
            "aliases",
            json!([name]),
            format!("the alias {name} of -Filter is a parameter that every cmdlet has"),
        ));
    }
    for name in [
        "PSCmdlet",
        "args",
        "input",
        "this",
        "PSBoundParameters",
        "MyInvocation",
        "Host",
    ] {
        changes.push((
            "name",
            json!(name),
            format!("-{name} is a variable of PowerShell's own; choose"),
        ));
    }
    changes.push((
        "name",
        json!("Bytes"),
        "-Bytes is a variable of the functions that are generated".to_owned(),
    ));
    changes.push((
        "name",
        json!("IDENTITY"),
        "-IDENTITY is there twice".to_owned(),
    ));
    changes.push(("name", json!("id"), "-id is there twice".to_owned()));
    for alias in ["ID", "identity", "filter"] {
        let twice = if alias == "filter" { "Filter" } else { alias };
        changes.push((
            "aliases",
            json!([alias]),
            format!("-{twice} is there twice"),
        ));
    }
    changes.push((
        "aliases",
        json!(["a b"]),
        "the alias a b of -Filter is no name".to_owned(),
    ));
    changes.push(("help", json!(""), "the help of -Filter is empty".to_owned()));
    changes.push((
        "type",
        json!("Int32"),
        "-Filter has values and is no text; make it a String".to_owned(),
    ));
    changes.push(("type", json!("Instance"), "-Filter has values and is no text\ncmdlets/Get-CsThing.json: -Filter does not say what it is an instance of".to_owned()));
    changes.push((
        "instanceOf",
        json!("CsVault.Thing"),
        "-Filter has an instanceOf and is no Instance".to_owned(),
    ));
    for (key, value, said) in changes {
        assert_said(&[(&format!("{second}/{key}"), value, &filter(&said))]);
    }
    assert_said(&[(
        "/cmdlets/1/parameters/1/instanceOf",
        json!("CsVault.Lost"),
        "cmdlets/Set-CsThing.json: -Instance is an instance of CsVault.Lost, which has no manifest",
    )]);
}

#[test]
fn faults_of_sets_are_told() {
    let get = |what: &str| format!("cmdlets/Get-CsThing.json: {what}");
    for (place, value, said) in [
        (
            "defaultSet",
            json!("Two"),
            "the defaultSet Two is no set of a parameter; write one of One, Many, __All",
        ),
        (
            "parameters/2/sets",
            json!([{ "set": "One" }, { "set": "one" }]),
            "-Place is in the set one, which is One elsewhere; write One\ncmdlets/Get-CsThing.json: -Place is in the set one twice",
        ),
        (
            "parameters/2/sets",
            json!([{ "set": "One" }, { "set": "One" }]),
            "-Place is in the set One twice; keep one",
        ),
        (
            "parameters/2/sets",
            json!([{ "set": "One" }, { "set": "__AllParameterSets" }]),
            "-Place is in __AllParameterSets and in another set; write",
        ),
        (
            "parameters/2/sets",
            json!([{ "set": "__allparametersets" }]),
            "-Place is in the set __allparametersets, which is __AllParameterSets elsewhere",
        ),
        (
            "parameters/2/sets",
            json!([{ "set": "" }]),
            "-Place is in a set without a name",
        ),
        (
            "parameters/1/sets/0/set",
            json!("One"),
            "-Identity and -Filter are both at position 0 of the set One; give",
        ),
        (
            "parameters/2/sets/0/position",
            json!(0),
            "-Identity and -Place are both at position 0 of the set One\ncmdlets/Get-CsThing.json: -Filter and -Place are both at position 0 of the set Many",
        ),
    ] {
        assert_said(&[(&format!("/cmdlets/0/{place}"), value, &get(said))]);
    }
    assert_said(&[(
        "/cmdlets/2/defaultSet",
        json!("One"),
        "cmdlets/Import-CsThing.json: the defaultSet One is no set of a parameter; remove it",
    )]);
}

#[test]
fn faults_of_completers_are_told() {
    for (completer, said) in [
        ("Get-CsThing", "has no dot; write Cmdlet.Property"),
        (
            "Get-CsOther.Name",
            "names no cmdlet that has a manifest; write one, or Get-CsVaultCommand.Name",
        ),
        (
            "Get-CsVaultCommand.Other",
            "names no cmdlet that has a manifest",
        ),
        (
            "Get-CsThing.Size",
            "names no property of what that cmdlet returns; write one of Name, Parts",
        ),
        (
            "Set-CsThing.Name",
            "names a cmdlet that does more than read",
        ),
    ] {
        let said =
            format!("cmdlets/Get-CsThing.json: the completer {completer} of -Identity {said}");
        assert_said(&[("/cmdlets/0/parameters/0/completer", json!(completer), &said)]);
    }
}

#[test]
fn a_file_with_another_name_is_told() {
    let mut manifests = manifests(&right());
    manifests.cmdlets[0].0 = "get-CsThing".to_owned();
    let said = "manifests/cmdlets/get-CsThing.json: the cmdlet is Get-CsThing; name the file Get-CsThing.json";
    assert_eq!(faults(&manifests), [said]);
    let again = manifests.cmdlets[0].1.clone();
    manifests.cmdlets.push(("Get-CsThing".to_owned(), again));
    let twice = "manifests/cmdlets/Get-CsThing.json: another file has this name in another case; keep one of them";
    assert_eq!(faults(&manifests), [said, twice]);
}
