//! The decision: a table of cases that an administrator can read, and properties over random policies.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stop at the first surprise"
)]

use cs_model::{CmdletName, ConfigScope, Role, RoleName, StoreKind, UserScope};
use cs_rbac::{Caller, DenialReason, Membership, Policy, Question, Rights, decide};
use proptest::prelude::*;

const GROUP: &str = "RTCUniversalServerAdmins";
const REPLICATOR: &str = "RTC Local Config Replicator";

fn role(name: &str, cmdlets: &[&str], scopes: &[&str]) -> Role {
    Role {
        identity: RoleName::parse(name).unwrap(),
        sid: "S-1-5-21-1-2-3-1000".to_owned(),
        is_standard: false,
        cmdlets: cmdlets
            .iter()
            .map(|name| CmdletName::parse(name).unwrap())
            .collect(),
        script_modules: Vec::new(),
        config_scopes: scopes
            .iter()
            .map(|scope| ConfigScope::parse(scope).unwrap())
            .collect(),
        user_scopes: vec![UserScope::Global],
        template: None,
    }
}

fn member_of(groups: &[&str]) -> Caller {
    Caller {
        principal: "someone (uid 1000)".to_owned(),
        is_owner: false,
        is_local_administrator: false,
        member_of: Some(Membership {
            names: groups.iter().map(|&group| group.to_owned()).collect(),
            ..Membership::default()
        }),
    }
}

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
        whole_deployment: true,
    };
    decide(policy, caller, &question)
        .map(|grant| {
            assert_eq!(grant.store(), store);
            assert_eq!(grant.rights(), Rights::Export);
            assert!(!grant.scopes().is_empty());
            grant.reason().to_owned()
        })
        .map_err(|denial| {
            assert!(denial.message.contains(cmdlet), "{denial}");
            denial.reason
        })
}

#[test]
fn who_may_export() {
    use StoreKind::{Central, Local};
    let policy = Policy::new(vec![
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
    ]);
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

#[test]
fn a_denial_says_who_may() {
    let policy = Policy::new(vec![role(
        "CSAdministrator",
        &["Export-CsConfiguration"],
        &["Global"],
    )]);
    let name = CmdletName::parse("export-csconfiguration").unwrap();
    let groups = [GROUP.to_owned()];
    let question = Question {
        cmdlet: &name,
        store: StoreKind::Central,
        rights: Rights::Export,
        groups: &groups,
        local_store_also: &[],
        whole_deployment: true,
    };
    let denial = decide(&policy, &member_of(&[]), &question).unwrap_err();
    assert_eq!(denial.who_may, [GROUP, "CSAdministrator"]);
}

const NAMES: [&str; 4] = ["Alpha", "Beta", "Gamma", GROUP];
const CMDLETS: [&str; 3] = ["Get-CsPool", "Export-CsConfiguration", "Set-CsUser"];

prop_compose! {
    fn any_policy()(rows in prop::collection::vec((0usize..3, prop::collection::vec(0usize..3, 0..4), any::<bool>()), 0..4)) -> Policy {
        let mut roles: Vec<Role> = Vec::new();
        for (name, cmdlets, global) in rows {
            let cmdlets: Vec<&str> = cmdlets.into_iter().map(|at| CMDLETS[at]).collect();
            let scope = if global { "Global" } else { "site:1" };
            if !roles.iter().any(|role| role.identity.as_str() == NAMES[name]) {
                roles.push(role(NAMES[name], &cmdlets, &[scope]));
            }
        }
        Policy::new(roles)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// The same question, answered by a model that is simple enough to be believed.
    #[test]
    fn decision_equals_the_model(policy in any_policy(), held in prop::collection::vec(0usize..4, 0..4), cmdlet in 0usize..3) {
        let groups: Vec<&str> = held.iter().map(|&at| NAMES[at]).collect();
        let by_group = groups.contains(&GROUP);
        let by_role = policy.roles().iter().any(|role| {
            groups.contains(&role.identity.as_str())
                && role.cmdlets.iter().any(|name| name.as_str() == CMDLETS[cmdlet])
                && role.config_scopes.contains(&ConfigScope::Global)
        });
        let got = ask(&policy, &member_of(&groups), CMDLETS[cmdlet], StoreKind::Central);
        prop_assert_eq!(got.is_ok(), by_group || by_role);
    }

    /// One more group or role never takes a right away.
    #[test]
    fn more_membership_is_never_less_right(policy in any_policy(), held in prop::collection::vec(0usize..4, 0..4), more in 0usize..4, cmdlet in 0usize..3) {
        let mut groups: Vec<&str> = held.iter().map(|&at| NAMES[at]).collect();
        let before = ask(&policy, &member_of(&groups), CMDLETS[cmdlet], StoreKind::Central).is_ok();
        groups.push(NAMES[more]);
        let after = ask(&policy, &member_of(&groups), CMDLETS[cmdlet], StoreKind::Central).is_ok();
        prop_assert!(after || !before);
    }
}

#[test]
fn a_group_is_the_one_that_the_role_remembers() {
    let membership = |names: &[&str], given: &[&str], sids: &[&str]| {
        let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        Membership {
            names: texts(names),
            given: texts(given),
            sids: texts(sids),
        }
    };
    let sid = "S-1-22-2-2001";
    let cases = [
        (
            "the same group",
            membership(&["Operators"], &[], &[sid]),
            true,
        ),
        (
            "another case",
            membership(&["operators"], &[], &["s-1-22-2-2001"]),
            true,
        ),
        (
            "made anew with another id",
            membership(&["Operators"], &[], &["S-1-22-2-2002"]),
            false,
        ),
        ("renamed", membership(&["Others"], &[], &[sid]), false),
        (
            "the id went to another group",
            membership(&["Guests"], &[], &[sid]),
            false,
        ),
        (
            "an id that begins alike",
            membership(&["Operators"], &[], &["S-1-22-2-20010"]),
            false,
        ),
        (
            "given by the settings",
            membership(&[], &["Operators"], &[]),
            true,
        ),
        ("given another", membership(&[], &["Others"], &[sid]), false),
        (
            "a blank more",
            membership(&["Operators "], &[], &[sid]),
            false,
        ),
        (
            "a look-alike letter",
            membership(&["Ореrators"], &[], &[sid]),
            false,
        ),
        ("nothing", membership(&[], &[], &[]), false),
    ];
    for (what, membership, expected) in cases {
        assert_eq!(membership.has_group("Operators", sid), expected, "{what}");
    }
    // A SID of a domain is nothing that this machine could compare.
    let operators = membership(&["Operators"], &[], &[sid]);
    for unknown in ["", "S-1-5-21-1-2-3-1000", "S-1-22-2"] {
        assert!(operators.has_group("Operators", unknown), "{unknown}");
    }
}
