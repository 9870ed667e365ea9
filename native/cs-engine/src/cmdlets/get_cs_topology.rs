//! `Get-CsTopology`: the topology document as it is, or as an object graph.

use cs_contract::{ErrorId, ErrorReport, InvokeResult, Limits, Record, Values};
use sha2::{Digest, Sha256};

use crate::engine::{Handler, Running};
use crate::fault::{Fault, from_stopped};
use crate::topology::{self, TOPOLOGY_TYPE, stored};

pub const HANDLER: Handler = Handler { inline: false, run };

/// Bytes of a record beside its objects.
const ENVELOPE: usize = 4 * 1024;

fn run(call: &mut Running<'_>) -> Result<InvokeResult, Fault> {
    let snapshot = call
        .store()
        .snapshot(&call.grant)
        .map_err(|error| crate::fault::from_store(&error))?;
    let Some(current) = stored(snapshot.as_ref())? else {
        let name = call.kind.display_name();
        return Err(ErrorReport::new(
            ErrorId::TopologyNotFound,
            format!("The {name} holds no topology."),
        )
        .on("Document", "Topology"));
    };
    let payload = current.payload()?;
    if call.parameters.switch("AsXml") {
        call.io.output(payload.as_bytes()).map_err(from_stopped)?;
        let hash = Sha256::digest(payload.as_bytes());
        return Ok(InvokeResult {
            bytes: payload.len() as u64,
            sha256: Some(hash.iter().map(|byte| format!("{byte:02x}")).collect()),
            ..InvokeResult::default()
        });
    }
    let values = Values::new(&[topology::object(&topology::parse(payload)?)]);
    if values.text().len() + ENVELOPE > Limits::JSON_BYTES {
        return Err(ErrorReport::new(
            ErrorId::LimitExceeded,
            "The topology is too large for one object.",
        )
        .on("Document", "Topology")
        .hint("Read it as XML with Get-CsTopology -AsXml."));
    }
    call.io
        .record(Record::Object {
            r#type: TOPOLOGY_TYPE.to_owned(),
            values,
        })
        .map_err(from_stopped)?;
    Ok(InvokeResult::default())
}
