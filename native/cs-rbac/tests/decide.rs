//! The decision: cases that an administrator can read.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests stop at the first surprise"
)]

mod support;

use cs_model::{CmdletName, ConfigScope, DistinguishedName, StoreKind};
use cs_rbac::{
    Caller, DenialReason, Grant, Group, Membership, Object, Policy, Question, Rights, Site, decide,
};
use support::{GROUP, member_of, question, role};

const REPLICATOR: &str = "RTC Local Config Replicator";

fn ask(
    policy: &Policy,
    caller: &Caller,
    cmdlet: &str,
    store: StoreKind,
) -> Result<String, DenialReason> {
    let name = CmdletName::parse(cmdlet).unwrap();
    let (groups, also) = ([GROUP.to_owned()], [REPLICATOR.to_owned()]);
    let question = Question {
        cmdlet: &name,
        store,
        rights: Rights::Export,
        groups: &groups,
        local_store_also: &also,
        object: Object::Deployment,
    };
    decide(policy, caller, &question)
        .map(|grant| {
            assert_eq!(grant.store(), store);
            assert_eq!(grant.rights(), Rights::Export);
            assert!(!grant.scopes().is_empty());
            grant.reason()
        })
        .map_err(|denial| {
            assert!(denial.message.contains(cmdlet), "{denial}");
            denial.reason
        })
}

#[test]
fn who_may_export() {
    use StoreKind::{Central, Local};
    let roles = vec![
        role(
            "CSAdministrator",
            &["Export-CsConfiguration", "Get-CsPool"],
            &["Global"],
        ),
        role(
            "RedmondOperators",
            &["Export-CsConfiguration"],
            &["site:Redmond"],
        ),
        role("Looker", &["Get-CsPool"], &["Global"]),
    ];
    let policy = Policy::new(roles, Vec::new());
    let owner = Caller {
        is_owner: true,
        member_of: None,
        ..member_of(&[])
    };
    let unknown = Caller {
        member_of: None,
        ..member_of(&[])
    };
    let administrator = Caller {
        is_local_administrator: true,
        ..member_of(&[GROUP])
    };
    let only_administrator = Caller {
        is_local_administrator: true,
        ..member_of(&[])
    };
    let cases: [(&str, Caller, StoreKind, Result<&str, DenialReason>); 13] = [
        (
            "nobody",
            member_of(&[]),
            Central,
            Err(DenialReason::NotHeld),
        ),
        (
            "the owner",
            owner.clone(),
            Central,
            Ok("owner of the store"),
        ),
        (
            "the owner, local store",
            owner,
            Local,
            Ok("owner of the store"),
        ),
        (
            "unknown membership",
            unknown,
            Central,
            Err(DenialReason::MembershipUnknown),
        ),
        (
            "the group",
            member_of(&[GROUP]),
            Central,
            Ok("member of RTCUniversalServerAdmins"),
        ),
        (
            "the group in other letters",
            member_of(&["rtcuniversalserveradmins"]),
            Central,
            Ok("member of RTCUniversalServerAdmins"),
        ),
        (
            "the group, local store",
            member_of(&[GROUP]),
            Local,
            Err(DenialReason::LocalStoreRight),
        ),
        (
            "the group and the replicator's, local store",
            member_of(&[GROUP, REPLICATOR]),
            Local,
            Ok("member of RTCUniversalServerAdmins"),
        ),
        (
            "the group, machine's administrator, local store",
            administrator,
            Local,
            Ok("member of RTCUniversalServerAdmins"),
        ),
        (
            "the machine's administrator alone",
            only_administrator,
            Local,
            Err(DenialReason::NotHeld),
        ),
        (
            "a role",
            member_of(&["csadministrator"]),
            Local,
            Ok("role CSAdministrator"),
        ),
        (
            "a role for one site",
            member_of(&["RedmondOperators"]),
            Central,
            Err(DenialReason::ScopeTooNarrow),
        ),
        (
            "a role without the cmdlet",
            member_of(&["Looker"]),
            Central,
            Err(DenialReason::NotHeld),
        ),
    ];
    for (who, caller, store, expected) in cases {
        let got = ask(&policy, &caller, "Export-CsConfiguration", store);
        assert_eq!(got, expected.map(str::to_owned), "{who}");
    }
}

/// A deployment of two sites; the second one is named like the id of a third that does not exist.
fn two_sites(roles: Vec<cs_model::Role>) -> Policy {
    let site = |id: &str, name: &str| Site {
        id: id.to_owned(),
        name: name.to_owned(),
    };
    Policy::new(
        roles,
        vec![site("1", "Redmond"), site("2", "Dublin"), site("4", "2")],
    )
}

fn ask_for(
    policy: &Policy,
    caller: &Caller,
    cmdlet: &str,
    object: Object<'_>,
) -> Result<Grant, String> {
    let name = CmdletName::parse(cmdlet).unwrap();
    let groups = [GROUP.to_owned()];
    decide(policy, caller, &question(&name, &groups, object)).map_err(|denial| denial.message)
}

#[test]
fn a_denial_names_those_alone_who_may() {
    let here = ["Global", "OU:dc=com"];
    let policy = two_sites(vec![
        role("World", &["Get-CsUser"], &here),
        role(
            "Redmond",
            &["Get-CsUser"],
            &["site:Redmond", "OU:ou=a,dc=com"],
        ),
        role("Dublin", &["Get-CsUser"], &["site:2", "OU:ou=b,dc=com"]),
    ]);
    let (dublin, users) = (
        ConfigScope::Site("2".to_owned()),
        DistinguishedName::parse("ou=b,dc=com").unwrap(),
    );
    let caller = member_of(&["Redmond"]);
    for (object, named) in [
        (Object::Deployment, "RTCUniversalServerAdmins, World may"),
        (
            Object::Config(&dublin),
            "RTCUniversalServerAdmins, World, Dublin may",
        ),
        (
            Object::Users(&users),
            "RTCUniversalServerAdmins, World, Dublin may",
        ),
    ] {
        let denial = ask_for(&policy, &caller, "Get-CsUser", object).unwrap_err();
        assert!(
            denial.ends_with(&format!("; members of {named}")),
            "{denial}"
        );
    }
    // Where any scope will do, all of them.
    let everybody = ask_for(&policy, &member_of(&[]), "Get-CsUser", Object::Some).unwrap_err();
    assert!(
        everybody.ends_with("World, Redmond, Dublin may"),
        "{everybody}"
    );
}

#[test]
fn a_role_that_is_tied_to_another_group_is_named() {
    let tied = cs_model::Role {
        bound: true,
        sid: "S-1-22-2-7".to_owned(),
        ..role("Voice", &["Get-CsUser"], &["Global"])
    };
    let policy = two_sites(vec![tied, role("Other", &["Get-CsPool"], &["Global"])]);
    let in_group = |sid: &str| Caller {
        member_of: Some(Membership::new(vec![Group {
            name: "voice".to_owned(),
            sid: Some(sid.to_owned()),
        }])),
        ..member_of(&[])
    };
    let ask = |caller: &Caller, cmdlet| ask_for(&policy, caller, cmdlet, Object::Some);
    assert!(ask(&in_group("S-1-22-2-7"), "Get-CsUser").is_ok());
    let denial = ask(&in_group("S-1-22-2-8"), "Get-CsUser").unwrap_err();
    assert!(
        denial.contains("another one than that of Voice (S-1-22-2-7), until Set-CsAdminRole"),
        "{denial}"
    );
    for denial in [
        ask(&in_group("S-1-22-2-8"), "Get-CsPool"),
        ask(&member_of(&["Others"]), "Get-CsUser"),
    ] {
        let denial = denial.unwrap_err();
        assert!(!denial.contains("tied"), "{denial}");
    }
}

#[test]
fn scopes_limit_sites_and_users_apart_from_each_other() {
    let policy = two_sites(vec![
        role(
            "RedmondVoice",
            &["Set-CsVoicePolicy"],
            &["site:redmond", "OU:ou=Redmond,dc=litwareinc,dc=com"],
        ),
        role("DublinVoice", &["Set-CsUser"], &["site:2"]),
        role("World", &["Get-CsPool"], &["Global"]),
    ]);
    let caller = member_of(&["RedmondVoice", "DublinVoice"]);
    let site = |id: &str| ConfigScope::Site(id.to_owned());
    let allowed = |cmdlet: &str, scope: &ConfigScope| {
        ask_for(&policy, &caller, cmdlet, Object::Config(scope)).is_ok()
    };
    // A site by its id or its name; what one role may there is nothing to another one.
    assert!(
        allowed("Set-CsVoicePolicy", &site("1")) && allowed("Set-CsVoicePolicy", &site("Redmond"))
    );
    assert!(!allowed("Set-CsVoicePolicy", &site("2")) && allowed("Set-CsUser", &site("2")));
    assert!(!allowed("Set-CsUser", &site("1")) && !allowed("Set-CsUser", &site("4")));
    assert!(
        !allowed("Set-CsVoicePolicy", &ConfigScope::Global) && !allowed("Get-CsPool", &site("1"))
    );

    let users = |cmdlet: &str, name: &str| {
        let name = DistinguishedName::parse(name).unwrap();
        ask_for(&policy, &caller, cmdlet, Object::Users(&name)).is_ok()
    };
    assert!(users(
        "Set-CsVoicePolicy",
        "cn=Ken,OU=Redmond, DC=litwareinc,dc=com"
    ));
    assert!(!users(
        "Set-CsVoicePolicy",
        "cn=Ken,ou=Red,dc=litwareinc,dc=com"
    ));
    assert!(
        users("Set-CsUser", "cn=Ken,ou=Red,dc=litwareinc,dc=com"),
        "site scopes do not limit users"
    );

    let refused = ask_for(
        &policy,
        &caller,
        "Set-CsVoicePolicy",
        Object::Config(&site("2")),
    )
    .unwrap_err();
    assert!(
        refused.contains("site:2 is outside the scopes of RedmondVoice (site:redmond)"),
        "{refused}"
    );
    let refused = ask_for(&policy, &caller, "Set-CsVoicePolicy", Object::Deployment).unwrap_err();
    assert!(refused.contains("whole deployment"), "{refused}");

    // What was found out goes along, for the objects that a cmdlet finds by itself.
    let grant = ask_for(&policy, &caller, "Set-CsVoicePolicy", Object::Some).unwrap();
    assert!(
        grant.covers(&site("1"))
            && !grant.covers(&site("2"))
            && !grant.covers(&ConfigScope::Global)
    );
    let inside = DistinguishedName::parse("cn=a,ou=Redmond,dc=litwareinc,dc=com").unwrap();
    let outside = DistinguishedName::parse("cn=a,dc=litwareinc,dc=com").unwrap();
    assert!(grant.covers_user(&inside) && !grant.covers_user(&outside));
    assert_eq!(grant.reason(), "role RedmondVoice");
}

#[test]
fn a_name_that_several_sites_have_stands_for_none() {
    let site = |id: &str| Site {
        id: id.to_owned(),
        name: "Twin".to_owned(),
    };
    let policy = Policy::new(
        vec![role("Twins", &["Get-CsPool"], &["site:Twin"])],
        vec![site("1"), site("2")],
    );
    for id in ["1", "2"] {
        let scope = ConfigScope::Site(id.to_owned());
        assert!(
            ask_for(
                &policy,
                &member_of(&["Twins"]),
                "Get-CsPool",
                Object::Config(&scope)
            )
            .is_err()
        );
    }
}

#[test]
fn a_denial_says_who_may() {
    let policy = Policy::new(
        vec![role(
            "CSAdministrator",
            &["Export-CsConfiguration"],
            &["Global"],
        )],
        Vec::new(),
    );
    let name = CmdletName::parse("export-csconfiguration").unwrap();
    let groups = [GROUP.to_owned()];
    let question = question(&name, &groups, Object::Deployment);
    let denial = decide(&policy, &member_of(&[]), &question).unwrap_err();
    assert_eq!(denial.who_may, [GROUP, "CSAdministrator"]);
}
