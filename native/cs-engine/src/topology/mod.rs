//! The topology document: reading what administrators feed in, checking its references, and its form as objects.

mod check;
mod input;
mod objects;
mod stored;

pub use check::{dangling, differences, same};
pub use input::decode;
pub use objects::{TOPOLOGY_TYPE, object};
pub use stored::{Stored, stored};

use cs_contract::{ErrorId, ErrorReport};
use cs_model::DocumentKey;
use cs_rbac::Site;

use crate::fault::Fault;
use crate::xml::{self, Element};

/// Reads a topology document in its published form.
pub fn parse(text: &str) -> Result<Element, Fault> {
    let root = xml::parse(text).map_err(|fault| {
        ErrorReport::new(
            ErrorId::XmlInvalid,
            format!("The topology document is not well formed: {fault}."),
        )
        .on("Document", "Topology")
    })?;
    let expected = DocumentKey::topology();
    if root.name == "TopologyBuilder" {
        return Err(ErrorReport::new(
            ErrorId::XmlInvalid,
            "This is a Topology Builder file, not a topology document.",
        )
        .on("Document", "TopologyBuilder")
        .hint("Publish it with Topology Builder, or give the XML of Get-CsTopology -AsXml; nothing was changed."));
    }
    if root.name != expected.element || root.namespace != expected.namespace {
        return Err(ErrorReport::new(
            ErrorId::XmlInvalid,
            format!(
                "The root element is {{{}}}{}; expected {{{}}}{}.",
                root.namespace, root.name, expected.namespace, expected.element
            ),
        )
        .on("Document", root.name.as_str())
        .hint("Give the XML of Get-CsTopology -AsXml; nothing was changed."));
    }
    Ok(root)
}

/// The sites of a stored topology; none when it cannot be read.
pub fn sites(stored: &Stored) -> Vec<Site> {
    let Some(root) = stored
        .payload()
        .ok()
        .and_then(|payload| parse(payload).ok())
    else {
        return Vec::new();
    };
    entries(&root, "Sites")
        .map(|site| Site {
            id: site.value("SiteId").to_owned(),
            name: site
                .child("Name")
                .and_then(|name| name.text.clone())
                .unwrap_or_default(),
        })
        .collect()
}

/// `<site>:<number>` of a ClusterId element.
fn cluster_id(element: &Element) -> String {
    format!("{}:{}", element.value("SiteId"), element.value("Number"))
}

/// `<site>-<role>-<instance>` of a ServiceId element.
fn service_id(element: &Element) -> String {
    format!(
        "{}-{}-{}",
        element.value("SiteId"),
        element.value("RoleName"),
        element.value("Instance")
    )
}

/// `<site>:<number>/<name>` of a SqlInstanceId element.
fn sql_instance_id(element: &Element) -> String {
    let cluster = element
        .child("ClusterId")
        .map(cluster_id)
        .unwrap_or_default();
    format!("{cluster}/{}", element.value("Name"))
}

/// The children of the list of a name: `Sites`, `Clusters`, ...
fn entries<'a>(topology: &'a Element, list: &str) -> impl Iterator<Item = &'a Element> {
    topology
        .child(list)
        .into_iter()
        .flat_map(|list| list.children.iter())
}
