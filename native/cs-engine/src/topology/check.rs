//! References inside a topology, and what differs between two of them.

use std::collections::{BTreeMap, HashSet};

use super::{cluster_id, entries, service_id, sql_instance_id};
use crate::xml::Element;

/// References that lead nowhere and ids that are there twice, one sentence each. All of them, not only the first.
pub fn dangling(topology: &Element) -> Vec<String> {
    let mut faults = Vec::new();
    let sites = ids(
        entries(topology, "Sites").map(|site| site.value("SiteId").to_owned()),
        "site",
        &mut faults,
    );
    let clusters = ids(
        entries(topology, "Clusters")
            .filter_map(|cluster| cluster.child("ClusterId").map(cluster_id)),
        "cluster",
        &mut faults,
    );
    let instances = ids(
        entries(topology, "SqlInstances")
            .filter_map(|sql| sql.child("SqlInstanceId").map(sql_instance_id)),
        "SQL instance",
        &mut faults,
    );
    let services = ids(
        entries(topology, "Services")
            .filter_map(|service| service.child("ServiceId").map(service_id)),
        "service",
        &mut faults,
    );
    for cluster in entries(topology, "Clusters") {
        let Some(id) = cluster.child("ClusterId") else {
            faults.push(format!(
                "The cluster {} has no ClusterId.",
                cluster.value("Fqdn")
            ));
            continue;
        };
        if !sites.contains(id.value("SiteId")) {
            faults.push(format!(
                "The cluster {} is in site {}, which does not exist.",
                cluster.value("Fqdn"),
                id.value("SiteId")
            ));
        }
    }
    for service in entries(topology, "Services") {
        let Some(id) = service.child("ServiceId").map(service_id) else {
            faults.push("A service has no ServiceId.".to_owned());
            continue;
        };
        for place in service
            .children_named("InstalledOn")
            .flat_map(|on| on.children.iter())
        {
            let (known, target) = match place.name.as_str() {
                "ClusterId" => (clusters.contains(&cluster_id(place)), cluster_id(place)),
                "SqlInstanceId" => (
                    instances.contains(&sql_instance_id(place)),
                    sql_instance_id(place),
                ),
                _ => continue,
            };
            if !known {
                faults.push(format!(
                    "The service {id} is installed on {target}, which does not exist."
                ));
            }
        }
        let dependencies = service
            .child("DependsOn")
            .into_iter()
            .flat_map(|list| list.children_named("Dependency"))
            .filter_map(|dependency| dependency.child("ServiceId"))
            .map(service_id);
        for target in dependencies {
            if !services.contains(&target) {
                faults.push(format!(
                    "The service {id} depends on {target}, which does not exist."
                ));
            }
        }
    }
    faults
}

fn ids(all: impl Iterator<Item = String>, kind: &str, faults: &mut Vec<String>) -> HashSet<String> {
    let mut seen = HashSet::new();
    for id in all {
        if seen.contains(&id) {
            faults.push(format!("The {kind} {id} is there twice."));
        }
        seen.insert(id);
    }
    seen
}

/// What a new topology would bring: each with a name that administrators know.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// New sites, clusters, services.
    pub added: Vec<String>,
    /// Those that differ.
    pub changed: Vec<String>,
    /// Those that go away.
    pub removed: Vec<String>,
}

/// Compares two topologies part by part; `old` is absent for the first one.
pub fn differences(old: Option<&Element>, new: &Element) -> Differences {
    let before = old.map(parts).unwrap_or_default();
    let after = parts(new);
    let mut found = Differences::default();
    for (name, part) in &after {
        match before.get(name) {
            None => found.added.push(name.clone()),
            Some(old) if !old.says_the_same(part) => found.changed.push(name.clone()),
            Some(_) => {}
        }
    }
    found.removed.extend(
        before
            .keys()
            .filter(|name| !after.contains_key(*name))
            .cloned(),
    );
    found
}

/// True when two topologies say the same, their signatures aside.
pub fn same(one: &Element, two: &Element) -> bool {
    let unsigned = |element: &Element| {
        let mut element = element.clone();
        element.attributes.retain(|(name, _)| name != "Signature");
        element
    };
    unsigned(one).says_the_same(&unsigned(two))
}

fn parts(topology: &Element) -> BTreeMap<String, &Element> {
    let sites =
        entries(topology, "Sites").map(|site| (format!("site {}", site.value("SiteId")), site));
    let clusters = entries(topology, "Clusters")
        .map(|cluster| (format!("pool {}", cluster.value("Fqdn")), cluster));
    let instances = entries(topology, "SqlInstances").filter_map(|sql| {
        Some((
            format!(
                "SQL instance {}",
                sql_instance_id(sql.child("SqlInstanceId")?)
            ),
            sql,
        ))
    });
    let services = entries(topology, "Services").filter_map(|service| {
        Some((
            format!("service {}", service_id(service.child("ServiceId")?)),
            service,
        ))
    });
    let domains = topology
        .child("InternalDomains")
        .map(|domains| ("internal domains".to_owned(), domains));
    sites
        .chain(clusters)
        .chain(instances)
        .chain(services)
        .chain(domains)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parse;

    const SMALL: &str = r#"<Topology><Sites><CentralSite SiteId="1"/></Sites><Clusters><Cluster Fqdn="a"><ClusterId SiteId="1" Number="1"/></Cluster></Clusters><Services><Service><ServiceId SiteId="1" RoleName="Registrar" Instance="1"/><InstalledOn><ClusterId SiteId="1" Number="1"/></InstalledOn></Service></Services></Topology>"#;

    #[test]
    fn whole_topology_has_no_faults() {
        assert_eq!(dangling(&parse(SMALL).unwrap()), Vec::<String>::new());
    }

    #[test]
    fn every_dangling_reference_is_listed() {
        let broken = SMALL
            .replace(
                "<InstalledOn><ClusterId SiteId=\"1\" Number=\"1\"",
                "<InstalledOn><ClusterId SiteId=\"1\" Number=\"9\"",
            )
            .replace("CentralSite SiteId=\"1\"", "CentralSite SiteId=\"2\"");
        let faults = dangling(&parse(&broken).unwrap());
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults.iter().any(|fault| fault.contains("1:9")));
    }

    #[test]
    fn differences_name_what_administrators_know() {
        let new = SMALL.replace("Fqdn=\"a\"", "Fqdn=\"b\"");
        let (old_tree, new_tree) = (parse(SMALL).unwrap(), parse(&new).unwrap());
        let found = differences(Some(&old_tree), &new_tree);
        assert_eq!(found.added, ["pool b"]);
        assert_eq!(found.removed, ["pool a"]);
        assert_eq!(found.changed, Vec::<String>::new());
    }

    #[test]
    fn layout_is_no_difference() {
        let indented = SMALL
            .replace("><", ">\n  <")
            .replace("SiteId=\"1\" Number=\"1\"", "Number=\"1\" SiteId=\"1\"");
        let signed = indented.replace("<Topology>", "<Topology Signature=\"x\"><!-- by hand -->");
        let (old, new) = (parse(SMALL).unwrap(), parse(&signed).unwrap());
        assert!(same(&old, &new));
        assert_eq!(differences(Some(&old), &new), Differences::default());
        assert!(!same(
            &old,
            &parse(&signed.replace("\"a\"", "\"b\"")).unwrap()
        ));
    }
}
