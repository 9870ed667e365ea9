//! The topology as an object graph. Member names are those that scripts were seen to use.

use serde_json::{Value, json};

use super::{cluster_id, entries, service_id, sql_instance_id};
use crate::xml::Element;

/// The original's name of the type.
pub const TOPOLOGY_TYPE: &str = "Microsoft.Rtc.Management.Deploy.Internal.DefaultTopology";

/// The whole graph.
pub fn object(topology: &Element) -> Value {
    let clusters: Vec<&Element> = entries(topology, "Clusters").collect();
    let services: Vec<&Element> = entries(topology, "Services").collect();
    let default_domain = topology
        .child("InternalDomains")
        .map(|d| d.value("DefaultDomain"))
        .unwrap_or_default();
    let domains: Vec<Value> = entries(topology, "InternalDomains")
        .filter(|domain| domain.name == "InternalDomain")
        .map(|domain| {
            json!({
                "Name": domain.value("Name"),
                "IsDefault": domain.value("Name") == default_domain,
                "AllowSubDomains": flag(domain, "AllowSubDomains"),
                "Authoritative": flag(domain, "Authoritative"),
            })
        })
        .collect();
    let machines: Vec<Value> = clusters
        .iter()
        .flat_map(|cluster| machines_of(cluster))
        .collect();
    json!({
        "InternalDomains": domains,
        "Sites": entries(topology, "Sites").map(|site| site_object(site, &clusters)).collect::<Vec<_>>(),
        "Clusters": clusters.iter().map(|cluster| cluster_object(cluster, &services, topology)).collect::<Vec<_>>(),
        "Machines": machines,
        "Services": services.iter().map(|service| service_object(service, topology)).collect::<Vec<_>>(),
        "SqlInstances": entries(topology, "SqlInstances").map(|sql| sql_object(sql, topology)).collect::<Vec<_>>(),
        "Signature": topology.attribute("Signature"),
    })
}

fn flag(element: &Element, name: &str) -> bool {
    element.value(name).eq_ignore_ascii_case("true")
}

fn number(element: &Element, name: &str) -> Value {
    element
        .value(name)
        .parse::<i32>()
        .map_or(Value::Null, Value::from)
}

/// An attribute, or the text that a child of the same name carries in its own attributes.
fn text(element: &Element, name: &str) -> Value {
    element.attribute(name).map_or(Value::Null, Value::from)
}

fn site_object(site: &Element, clusters: &[&Element]) -> Value {
    let id = site.value("SiteId");
    let location = site.child("Location");
    let place = |name: &str| location.map_or(Value::Null, |location| text(location, name));
    let inside: Vec<&str> = clusters
        .iter()
        .filter(|cluster| {
            cluster
                .child("ClusterId")
                .is_some_and(|c| c.value("SiteId") == id)
        })
        .map(|cluster| cluster.value("Fqdn"))
        .collect();
    json!({
        "SiteId": id,
        "Name": site.child("Name").and_then(|name| name.text.clone()).or_else(|| site.attribute("Name").map(str::to_owned)),
        "Kind": site.name,
        "Description": site.child("Description").and_then(|text| text.text.clone()),
        "City": place("City"),
        "State": place("State"),
        "CountryCode": place("CountryCode"),
        "ParentSiteId": site.attribute("ParentSiteId"),
        "Clusters": inside,
    })
}

fn cluster_object(cluster: &Element, services: &[&Element], topology: &Element) -> Value {
    let id = cluster
        .child("ClusterId")
        .map(cluster_id)
        .unwrap_or_default();
    let here: Vec<&&Element> = services
        .iter()
        .filter(|service| installed_cluster(service).as_deref() == Some(&id))
        .collect();
    let machines: Vec<&str> = cluster
        .children_named("Machine")
        .map(|machine| machine_fqdn(cluster, machine))
        .collect();
    let role = |service: &Element| {
        service
            .child("ServiceId")
            .map(|id| id.value("RoleName").to_owned())
    };
    let alone = machines.len() == 1 && machines.first() == Some(&cluster.value("Fqdn"));
    json!({
        "ClusterId": id,
        "Fqdn": cluster.value("Fqdn"),
        "SiteId": cluster.child("ClusterId").map(|id| id.value("SiteId")),
        "IsOnEdge": here.iter().any(|service| role(service).as_deref() == Some("EdgeServer")),
        "RequiresReplication": flag(cluster, "RequiresReplication"),
        "RequiresSetup": flag(cluster, "RequiresSetup"),
        "IsSingleMachineOnly": cluster.attribute("IsSingleMachineOnly").map_or(alone, |v| v == "true"),
        "Machines": machines_of(cluster),
        "InstalledServices": here.iter().map(|service| service_object(service, topology)).collect::<Vec<_>>(),
    })
}

/// A machine of a one-machine cluster may lack its own name.
fn machine_fqdn<'a>(cluster: &'a Element, machine: &'a Element) -> &'a str {
    machine
        .attribute("Fqdn")
        .unwrap_or_else(|| cluster.value("Fqdn"))
}

fn machines_of(cluster: &Element) -> Vec<Value> {
    let id = cluster
        .child("ClusterId")
        .map(cluster_id)
        .unwrap_or_default();
    cluster
        .children_named("Machine")
        .map(|machine| {
            let interfaces: Vec<Value> = machine
                .children_named("NetInterface")
                .map(|interface| {
                    json!({
                        "InterfaceSide": text(interface, "InterfaceSide"),
                        "InterfaceNumber": number(interface, "InterfaceNumber"),
                        "IPAddress": text(interface, "IPAddress"),
                        "ConfiguredIPAddress": text(interface, "ConfiguredIPAddress"),
                    })
                })
                .collect();
            json!({
                "MachineId": format!("{id}:{}", machine.value("OrdinalInCluster")),
                "Fqdn": machine_fqdn(cluster, machine),
                "Cluster": cluster.value("Fqdn"),
                "FaultDomain": text(machine, "FaultDomain"),
                "UpgradeDomain": text(machine, "UpgradeDomain"),
                "NetInterfaces": interfaces,
            })
        })
        .collect()
}

/// The id of the cluster that a service runs on, also for services on a SQL instance of it.
fn installed_cluster(service: &Element) -> Option<String> {
    let on = service.child("InstalledOn")?;
    on.find("ClusterId").map(cluster_id)
}

fn pool_fqdn<'a>(topology: &'a Element, cluster: &str) -> Option<&'a str> {
    entries(topology, "Clusters")
        .find(|entry| entry.child("ClusterId").map(cluster_id).as_deref() == Some(cluster))
        .map(|entry| entry.value("Fqdn"))
}

fn service_object(service: &Element, topology: &Element) -> Value {
    let id = service.child("ServiceId");
    let cluster = installed_cluster(service);
    let fqdn = cluster
        .as_deref()
        .and_then(|cluster| pool_fqdn(topology, cluster));
    let installed = service
        .child("InstalledOn")
        .and_then(|on| on.children.first())
        .map(|place| {
            if place.name == "SqlInstanceId" {
                sql_instance_id(place)
            } else {
                cluster_id(place)
            }
        });
    let dependent: Vec<String> = service
        .child("DependsOn")
        .into_iter()
        .flat_map(|list| list.children_named("Dependency"))
        .filter_map(|dependency| dependency.child("ServiceId").map(service_id))
        .collect();
    let share = service
        .child("FileStoreService")
        .map(|share| share.value("ShareName"));
    let host = |settings: &str| {
        service
            .find(settings)
            .and_then(|s| s.attribute("Host"))
            .map(str::to_owned)
    };
    json!({
        "ServiceId": id.map(service_id),
        "RoleId": id.map(|id| format!("{}-{}", id.value("RoleName"), id.value("Instance"))),
        "SiteId": id.map(|id| id.value("SiteId")),
        "RoleName": id.map(|id| id.value("RoleName")),
        "Version": number(service, "ServiceVersion"),
        "RoleVersion": number(service, "RoleVersion"),
        "Type": text(service, "Type"),
        "InstalledOn": installed,
        "PoolFqdn": fqdn,
        "DependentServices": dependent,
        "NetPorts": ports_of(service, fqdn),
        "UncPath": share.and_then(|share| fqdn.map(|fqdn| format!("\\\\{fqdn}\\{share}"))),
        "InternalHost": host("InternalSettings"),
        "ExternalHost": host("ExternalSettings"),
    })
}

fn ports_of(service: &Element, fqdn: Option<&str>) -> Vec<Value> {
    service
        .children_named("Ports")
        .flat_map(|ports| ports.children_named("Port"))
        .map(|port| {
            json!({
                "NetPortId": format!("{}:{}:{}", port.value("Owner"), port.value("Usage"), port.value("InterfaceSide")),
                "Owner": text(port, "Owner"),
                "Usage": text(port, "Usage"),
                "InterfaceSide": text(port, "InterfaceSide"),
                "Port": number(port, "Port"),
                "Protocol": text(port, "Protocol"),
                "UrlPath": text(port, "UrlPath"),
                "EffectiveFqdn": port.attribute("ConfiguredFqdn").or(fqdn),
            })
        })
        .collect()
}

fn sql_object(sql: &Element, topology: &Element) -> Value {
    let id = sql.child("SqlInstanceId");
    let cluster = id.and_then(|id| id.child("ClusterId"));
    let cluster_text = cluster.map(cluster_id);
    json!({
        "SqlInstanceId": id.map(sql_instance_id),
        "Name": id.map(|id| id.value("Name")),
        "Fqdn": cluster_text.as_deref().and_then(|cluster| pool_fqdn(topology, cluster)),
        "SiteId": cluster.map(|cluster| cluster.value("SiteId")),
        "ClusterId": cluster_text,
        "AlwaysOnPrimaryNodeFqdn": text(sql, "AlwaysOnPrimaryNodeFqdn"),
    })
}
