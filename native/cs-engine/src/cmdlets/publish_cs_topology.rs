//! `Publish-CsTopology`: a topology document takes the place of the one in the Central Management store.

use std::cell::RefCell;
use std::fs::File;
use std::io::Read;

use cs_contract::{ErrorId, ErrorReport, InvokeResult, Record};
use cs_model::{DocumentId, DocumentKey, ItemKey};
use cs_store::{LastCheck, NewItem};

use crate::engine::{Handler, Running};
use crate::fault::{Fault, from_read, from_stopped, from_store};
use crate::item::{global_item, with_payload};
use crate::retry::remembered;
use crate::topology::{self, stored};
use crate::xml;

pub const HANDLER: Handler = Handler { inline: false, run };

/// The longest topology document, in bytes.
const DOCUMENT_BYTES: u64 = 64 * 1024 * 1024;

fn run(call: &mut Running<'_>) -> Result<InvokeResult, Fault> {
    if call.parameters.switch("FinalizeUninstall") {
        return Err(ErrorReport::new(
            ErrorId::FeatureNotAvailable,
            "-FinalizeUninstall is not available.",
        )
        .on("Parameter", "FinalizeUninstall"));
    }
    if let Some(result) = remembered(call)? {
        return Ok(result);
    }
    let text = topology::decode(&read_all(call.input()?.file)?)?;
    cs_archive::xml::check_xml(text.as_bytes(), "Topology", &call.engine.parts.limits)
        .map_err(|error| from_read(&error))?;
    let root = topology::parse(&text)?;
    refuse_dangling(call, &root)?;

    let snapshot = call
        .store()
        .snapshot(&call.grant)
        .map_err(|error| from_store(&error))?;
    let current = stored(snapshot.as_ref())?;
    let signature = call.engine.parts.ids.guid();
    let old_payload = current
        .as_ref()
        .map(|current| current.payload())
        .transpose()?;
    let old = old_payload.map(topology::parse).transpose()?;
    // What is already there, apart from its signature and its layout, is no change.
    if old.as_ref().is_some_and(|old| topology::same(old, &root)) {
        let text = "The topology is in the store already; nothing was changed.".to_owned();
        call.io
            .record(Record::Verbose { text })
            .map_err(from_stopped)?;
        return call.unchanged();
    }
    if call.what_if {
        plan(call, old.as_ref(), &root)?;
    }
    let payload = signed(&text, &signature.to_string())?;
    let content = match &current {
        Some(current) => with_payload(&current.item, signature, &payload).map_err(|fault| {
            ErrorReport::new(
                ErrorId::StoreDamaged,
                format!("The stored topology cannot be read: {fault}."),
            )
        })?,
        None => global_item(signature, &payload),
    };
    let commit = (!call.what_if).then(|| call.commit("Publish of a topology".to_owned()));
    let key = current
        .as_ref()
        .map_or_else(ItemKey::global, |current| current.key.clone());
    let refused = RefCell::new(None);
    let last_check = || call.may_commit(&refused);
    let outcome = call
        .store()
        .put_item(
            &call.grant,
            commit.as_ref(),
            &NewItem {
                document: &DocumentId::Keyed(DocumentKey::topology()),
                key: &key,
                signature,
                expected: current.as_ref().and_then(|current| current.signature),
                content: content.as_bytes(),
                last_check: LastCheck(&last_check),
            },
        )
        .map_err(|error| refused.take().unwrap_or_else(|| from_store(&error)))?;
    let version = (outcome.changed && !call.what_if).then_some(outcome.version.0);
    if let Some(version) = version {
        let text = format!(
            "The topology is published in version {version} of the Central Management store."
        );
        call.tell_of_change(Record::Verbose { text });
    }
    Ok(InvokeResult {
        version,
        ..InvokeResult::default()
    })
}

fn read_all(file: File) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    file.take(DOCUMENT_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| {
            ErrorReport::new(
                ErrorId::StoreFailed,
                format!("The received document cannot be read: {error}."),
            )
        })?;
    if bytes.len() as u64 > DOCUMENT_BYTES {
        return Err(ErrorReport::new(
            ErrorId::LimitExceeded,
            format!("The topology document is longer than {DOCUMENT_BYTES} bytes."),
        )
        .on("Document", "Topology"));
    }
    Ok(bytes)
}

/// References that lead nowhere are refused; with -Force they are warnings.
fn refuse_dangling(call: &mut Running<'_>, root: &xml::Element) -> Result<(), Fault> {
    let faults = topology::dangling(root);
    if call.parameters.switch("Force") {
        for text in faults {
            call.io
                .record(Record::Warning { text })
                .map_err(from_stopped)?;
        }
        return Ok(());
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(ErrorReport::new(ErrorId::XmlInvalid, faults.join(" "))
        .on("Document", "Topology")
        .hint("Mend the document, or use -Force to publish it as it is; nothing was changed."))
}

fn plan(
    call: &mut Running<'_>,
    old: Option<&xml::Element>,
    new: &xml::Element,
) -> Result<(), Fault> {
    let found = topology::differences(old, new);
    let lines = [
        ("add", found.added),
        ("change", found.changed),
        ("remove", found.removed),
    ];
    for (action, targets) in lines {
        for target in targets {
            let record = Record::WhatIf {
                target,
                action: action.to_owned(),
            };
            call.io.record(record).map_err(from_stopped)?;
        }
    }
    Ok(())
}

/// The start tag of the root and the rest behind it.
fn split_root(text: &str) -> Result<(xml::Element, &str, &str), Fault> {
    let root = topology::parse(text)?;
    let whole = text.get(root.range.clone()).unwrap_or(text);
    let tag_end = if root.inner.is_empty() {
        whole.find('>').map_or(whole.len(), |end| end + 1)
    } else {
        root.inner.start.saturating_sub(root.range.start)
    };
    let (tag, rest) = whole.split_at_checked(tag_end).unwrap_or((whole, ""));
    Ok((root, tag, rest))
}

/// The document with a signature in its root. A root without a default namespace gets an empty one, because the item around it
/// has another.
fn signed(text: &str, signature: &str) -> Result<String, Fault> {
    let (_, tag, rest) = split_root(text)?;
    let mut tag = xml::with_attribute(tag, "Signature", signature);
    if !tag.contains(" xmlns=") && !tag.contains("\nxmlns=") && !tag.contains("\txmlns=") {
        tag = xml::with_attribute(&tag, "xmlns", "");
    }
    Ok(format!("{tag}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NS: &str = "urn:schema:Microsoft.Rtc.Management.Deploy.Topology.2008";

    #[test]
    fn signature_is_set_in_the_root_alone() {
        let text = format!("<Topology xmlns=\"{NS}\" Signature='a'><Sites/></Topology>");
        let expected = format!("<Topology xmlns=\"{NS}\" Signature=\"b\"><Sites/></Topology>");
        assert_eq!(signed(&text, "b").unwrap(), expected);
        let bare = format!("<Topology xmlns=\"{NS}\" />");
        assert_eq!(
            signed(&bare, "b").unwrap(),
            format!("<Topology xmlns=\"{NS}\" Signature=\"b\" />")
        );
        let prefixed = format!("<t:Topology xmlns:t=\"{NS}\"></t:Topology>");
        assert_eq!(
            signed(&prefixed, "b").unwrap(),
            format!("<t:Topology xmlns:t=\"{NS}\" Signature=\"b\" xmlns=\"\"></t:Topology>")
        );
    }
}
