//! The access decision alone: 11 roles with 500 cmdlets each, and a caller with a few dozen groups.

use std::time::Instant;

use cs_model::{CmdletName, ConfigScope, Role, RoleName, StoreKind, UserScope};
use cs_rbac::{Caller, Group, Membership, Object, Policy, Question, Rights, decide};

use crate::Outcome;

const ROLES: usize = 11;
const CMDLETS: usize = 500;
const GROUPS: usize = 40;
const DECISIONS: u32 = 200_000;

/// Prints the seconds that one decision takes: half of them let the caller in by a role, half refuse.
pub fn run() -> Outcome {
    let cmdlet = |number: usize| CmdletName::parse(&format!("Get-CsThing{number}"));
    let mut roles = Vec::new();
    for number in 0..ROLES {
        let mut cmdlets = Vec::new();
        for place in 0..CMDLETS {
            cmdlets.push(cmdlet(number * 10 + place)?);
        }
        roles.push(Role {
            identity: RoleName::parse(&format!("Role{number}"))?,
            sid: format!("S-1-22-2-{number}"),
            bound: true,
            is_standard: false,
            cmdlets,
            script_modules: Vec::new(),
            config_scopes: vec![ConfigScope::Global],
            user_scopes: vec![UserScope::Global],
            template: None,
        });
    }
    let policy = Policy::new(roles, Vec::new());
    let group = |number: usize| Group {
        name: format!("Group{number}"),
        sid: Some(format!("S-1-22-2-{}", 1_000 + number)),
    };
    let mut groups: Vec<Group> = (0..GROUPS).map(group).collect();
    groups.push(Group {
        name: format!("role{}", ROLES - 1),
        sid: Some(format!("S-1-22-2-{}", ROLES - 1)),
    });
    let caller = Caller {
        principal: "kenmyer (uid 1000)".to_owned(),
        is_owner: false,
        is_local_administrator: false,
        member_of: Some(Membership::new(groups)),
    };
    let doors = ["RTCUniversalServerAdmins".to_owned()];
    // One that all roles hold, and one that only the first role holds.
    let asked = [cmdlet(ROLES * 10)?, cmdlet(0)?];
    let start = Instant::now();
    let mut allowed = 0;
    for number in 0..DECISIONS {
        let Some(name) = asked.get(usize::from(number % 2 == 1)) else {
            continue;
        };
        let question = Question {
            cmdlet: name,
            store: StoreKind::Central,
            rights: Rights::Read,
            groups: &doors,
            local_store_also: &[],
            object: Object::Some,
        };
        allowed += u32::from(decide(&policy, &caller, std::hint::black_box(&question)).is_ok());
    }
    let each = start.elapsed().as_secs_f64() / f64::from(DECISIONS);
    if allowed != DECISIONS / 2 {
        return Err(format!("{allowed} of {DECISIONS} were allowed").into());
    }
    println!("{each}");
    Ok(())
}
