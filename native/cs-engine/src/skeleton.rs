//! `Get-CsThing`: TODO, what it does.

use cs_contract::{ErrorId, ErrorReport, InvokeResult};

use crate::engine::{Handler, Running};
use crate::fault::Fault;

pub const HANDLER: Handler = Handler { inline: false, run };

fn run(call: &mut Running<'_>) -> Result<InvokeResult, Fault> {
    let cmdlet = call.grant.cmdlet().as_str();
    Err(ErrorReport::new(
        ErrorId::FeatureNotAvailable,
        format!("{cmdlet} is not written yet."),
    )
    .on("Cmdlet", cmdlet)
    .hint("Write its handler: native/cs-engine/src/cmdlets/get_cs_thing.rs."))
}
