//! Properties of the decision over random policies: it denies by default, never takes a right away for one more membership, and
//! equals a model that is simple enough to be believed.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod support;

use cs_model::{CmdletName, ConfigScope, DistinguishedName, Role};
use cs_rbac::{Caller, Object, Policy, Site, decide, excess};
use proptest::prelude::*;
use support::{GROUP, member_of, question, role};

const NAMES: [&str; 4] = ["Alpha", "Beta", "Gamma", GROUP];
const CMDLETS: [&str; 3] = ["Get-CsPool", "Export-CsConfiguration", "Set-CsUser"];
const CONFIG: [&str; 4] = ["Global", "site:1", "site:2", "site:Dublin"];
const USERS: [&str; 4] = ["global", "OU:dc=a", "OU:ou=x,dc=a", "OU:ou=y,dc=a"];
/// What is asked about: the whole deployment, anything, then scopes of the configuration, then places of users.
const OBJECTS: usize = 2 + CONFIG.len() + USERS.len() - 1;

/// A role by numbers: name, cmdlets, configuration scopes, user scopes.
type Row = (usize, Vec<usize>, Vec<usize>, Vec<usize>);

fn any_row() -> impl Strategy<Value = Row> {
    let some = || prop::collection::vec(0usize..4, 1..3);
    (
        0usize..4,
        prop::collection::vec(0usize..3, 0..4),
        some(),
        some(),
    )
}

fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec(any_row(), 0..4).prop_map(|mut rows| {
        let mut seen = Vec::new();
        rows.retain(|row| {
            !seen.contains(&row.0) && {
                seen.push(row.0);
                true
            }
        });
        rows
    })
}

fn made(row: &Row) -> Role {
    let cmdlets: Vec<&str> = row.1.iter().map(|&at| CMDLETS[at]).collect();
    let mut scopes: Vec<&str> = row.2.iter().map(|&at| CONFIG[at]).collect();
    // The helper takes Global for users when no OU is named, so a role with both is one with Global alone.
    if !row.3.contains(&0) {
        scopes.extend(row.3.iter().map(|&at| USERS[at]));
    }
    role(NAMES[row.0], &cmdlets, &scopes)
}

fn policy(rows: &[Row]) -> Policy {
    let site = |id: &str, name: &str| Site {
        id: id.to_owned(),
        name: name.to_owned(),
    };
    Policy::new(
        rows.iter().map(made).collect(),
        vec![site("1", "Redmond"), site("2", "Dublin")],
    )
}

fn decided(policy: &Policy, caller: &Caller, cmdlet: usize, object: usize) -> bool {
    let name = CmdletName::parse(CMDLETS[cmdlet]).unwrap();
    let groups = [GROUP.to_owned()];
    let scope;
    let place;
    let object = match object {
        0 => Object::Deployment,
        1 => Object::Some,
        at if at < 2 + CONFIG.len() => {
            scope = ConfigScope::parse(CONFIG[at - 2]).unwrap();
            Object::Config(&scope)
        }
        at => {
            let text = USERS[at - 2 - CONFIG.len() + 1].trim_start_matches("OU:");
            place = DistinguishedName::parse(text).unwrap();
            Object::Users(&place)
        }
    };
    decide(policy, caller, &question(&name, &groups, object)).is_ok()
}

/// The model: numbers and loops, nothing of the crate's own.
fn modelled(rows: &[Row], held: &[usize], cmdlet: usize, object: usize) -> bool {
    // GROUP is the last name.
    if held.contains(&3) {
        return true;
    }
    // Dublin is site 2 by its name.
    let same_site = |one: usize, two: usize| one == two || (one.min(two), one.max(two)) == (2, 3);
    for (name, cmdlets, config, users) in rows {
        if !held.contains(name) || !cmdlets.contains(&cmdlet) {
            continue;
        }
        let reaches = match object {
            0 => config.contains(&0),
            1 => true,
            2 => config.contains(&0),
            at if at < 6 => config
                .iter()
                .any(|&scope| scope == 0 || same_site(scope, at - 2)),
            // Users of dc=a, ou=x, ou=y: a role for dc=a reaches all three.
            at => users
                .iter()
                .any(|&scope| scope == 0 || scope == 1 || scope == at - 5),
        };
        if reaches {
            return true;
        }
    }
    false
}

fn caller(held: &[usize]) -> Caller {
    let names: Vec<&str> = held.iter().map(|&at| NAMES[at]).collect();
    member_of(&names)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decision_equals_the_model(rows in any_rows(), held in prop::collection::vec(0usize..4, 0..4), cmdlet in 0usize..3, object in 0..OBJECTS) {
        prop_assert_eq!(decided(&policy(&rows), &caller(&held), cmdlet, object), modelled(&rows, &held, cmdlet, object));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// One more group or role never takes a right away, whatever its scopes are.
    #[test]
    fn more_membership_is_never_less_right(rows in any_rows(), held in prop::collection::vec(0usize..4, 0..4), more in 0usize..4, cmdlet in 0usize..3, object in 0..OBJECTS) {
        let policy = policy(&rows);
        let mut held = held;
        let before = decided(&policy, &caller(&held), cmdlet, object);
        held.push(more);
        prop_assert!(decided(&policy, &caller(&held), cmdlet, object) || !before);
    }

    /// Who is a member of nothing, or whose membership is not known, may do nothing.
    #[test]
    fn nobody_may_do_anything(rows in any_rows(), cmdlet in 0usize..3, object in 0..OBJECTS) {
        let policy = policy(&rows);
        prop_assert!(!decided(&policy, &member_of(&[]), cmdlet, object));
        let unknown = Caller { member_of: None, ..member_of(&[]) };
        prop_assert!(!decided(&policy, &unknown, cmdlet, object));
    }

    /// A role that a caller may make lets nobody do what the caller may not do.
    #[test]
    fn a_role_that_may_be_given_opens_nothing_new(rows in any_rows(), held in prop::collection::vec(0usize..3, 0..4), new in any_row(), cmdlet in 0usize..3, object in 0..OBJECTS) {
        let giver = caller(&held);
        let mut role = made(&new);
        role.identity = cs_model::RoleName::parse("Delta").unwrap();
        let before = policy(&rows);
        let given = excess(&before, &giver, None, &role).is_none();
        let mut roles = before.roles().to_vec();
        roles.push(role);
        let after = Policy::new(roles, before.sites().to_vec());
        prop_assert!(!given || !decided(&after, &member_of(&["Delta"]), cmdlet, object) || decided(&before, &giver, cmdlet, object));
    }
}
