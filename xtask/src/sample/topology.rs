//! The topology of Litware, Inc.: two sites, two front-end pools, a Director, a Mediation pool, an Edge pool, a SQL pool, a file
//! store and a PSTN gateway.

use std::fmt::Write;

const ROLES: &str = "urn:schema:Microsoft.Rtc.Management.Deploy.ServiceRoles.2008";

/// A pool: site, number, name, machines, and what each machine's interfaces are.
struct Pool {
    site: u32,
    number: u32,
    fqdn: &'static str,
    machines: &'static [&'static str],
    replicates: bool,
    edge: Option<(&'static str, &'static str)>,
}

const POOLS: [Pool; 8] = [
    Pool {
        site: 1,
        number: 1,
        fqdn: "pool01.redmond.litwareinc.com",
        machines: &["fe01.redmond.litwareinc.com", "fe02.redmond.litwareinc.com"],
        replicates: true,
        edge: None,
    },
    Pool {
        site: 1,
        number: 2,
        fqdn: "sql01.redmond.litwareinc.com",
        machines: &["sql01.redmond.litwareinc.com"],
        replicates: false,
        edge: None,
    },
    Pool {
        site: 1,
        number: 3,
        fqdn: "dir01.redmond.litwareinc.com",
        machines: &["dir01.redmond.litwareinc.com"],
        replicates: true,
        edge: None,
    },
    Pool {
        site: 1,
        number: 4,
        fqdn: "med01.redmond.litwareinc.com",
        machines: &["med01.redmond.litwareinc.com"],
        replicates: true,
        edge: None,
    },
    Pool {
        site: 1,
        number: 5,
        fqdn: "edge01.redmond.litwareinc.com",
        machines: &["edge01.redmond.litwareinc.com"],
        replicates: true,
        edge: Some(("10.0.5.11", "192.0.2.10")),
    },
    Pool {
        site: 1,
        number: 6,
        fqdn: "gw01.redmond.litwareinc.com",
        machines: &["gw01.redmond.litwareinc.com"],
        replicates: false,
        edge: None,
    },
    Pool {
        site: 1,
        number: 7,
        fqdn: "files01.redmond.litwareinc.com",
        machines: &["files01.redmond.litwareinc.com"],
        replicates: false,
        edge: None,
    },
    Pool {
        site: 2,
        number: 1,
        fqdn: "pool02.dublin.litwareinc.com",
        machines: &["pool02.dublin.litwareinc.com"],
        replicates: true,
        edge: None,
    },
];

/// Where a service is installed.
enum Place {
    Pool(u32, u32),
    Sql,
}

/// A service: site, role, its class, where it is, what it depends on, ports, its typed element.
struct Service {
    site: u32,
    role: &'static str,
    instance: u32,
    class: &'static str,
    place: Place,
    depends: &'static [(u32, &'static str, u32)],
    ports: &'static [(&'static str, &'static str, &'static str, u32, &'static str)],
    inside: &'static str,
}

const REGISTRAR_PORTS: &[(&str, &str, &str, u32, &str)] = &[
    (
        "urn:component:Registrar",
        "SipServer",
        "Primary",
        5061,
        "Mtls",
    ),
    (
        "urn:component:QoS",
        "AudioPort",
        "Primary",
        49152,
        "TcpOrUdp",
    ),
];
const WEB_PORTS: &[(&str, &str, &str, u32, &str)] = &[
    (
        "urn:component:WebService",
        "WebServerInternal",
        "Internal",
        443,
        "Https",
    ),
    (
        "urn:component:WebService",
        "WebServerExternal",
        "External",
        4443,
        "Https",
    ),
];
const REPLICATION: &[(&str, &str, &str, u32, &str)] = &[(
    "urn:component:ReplicationService",
    "Replication",
    "Internal",
    4443,
    "Https",
)];

const SERVICES: [Service; 20] = [
    Service {
        site: 1,
        role: "UserServices",
        instance: 1,
        class: "UserServicesService",
        place: Place::Pool(1, 1),
        depends: &[(1, "UserStore", 1), (1, "FileStore", 1)],
        ports: &[],
        inside: "",
    },
    Service {
        site: 1,
        role: "Registrar",
        instance: 1,
        class: "RegistrarService",
        place: Place::Pool(1, 1),
        depends: &[(1, "UserServices", 1), (1, "EdgeServer", 1)],
        ports: REGISTRAR_PORTS,
        inside: "<RegistrarService xmlns=\"R\" IsDirector=\"false\" />",
    },
    Service {
        site: 1,
        role: "UserStore",
        instance: 1,
        class: "UserStoreService",
        place: Place::Sql,
        depends: &[],
        ports: &[],
        inside: "",
    },
    Service {
        site: 1,
        role: "FileStore",
        instance: 1,
        class: "FileStoreService",
        place: Place::Pool(1, 7),
        depends: &[],
        ports: &[],
        inside: "<FileStoreService xmlns=\"R\" ShareName=\"LyncShare\" />",
    },
    Service {
        site: 1,
        role: "WebServices",
        instance: 1,
        class: "WebService",
        place: Place::Pool(1, 1),
        depends: &[(1, "FileStore", 1), (1, "UserServices", 1)],
        ports: WEB_PORTS,
        inside: "<WebService xmlns=\"R\"><InternalSettings Host=\"pool01.redmond.litwareinc.com\" /><ExternalSettings Host=\"web01.litwareinc.com\" /></WebService>",
    },
    Service {
        site: 1,
        role: "ConfServices",
        instance: 1,
        class: "ConfService",
        place: Place::Pool(1, 1),
        depends: &[(1, "FileStore", 1)],
        ports: &[],
        inside: "",
    },
    Service {
        site: 1,
        role: "ApplicationServer",
        instance: 1,
        class: "ApplicationServerService",
        place: Place::Pool(1, 1),
        depends: &[(1, "Registrar", 1)],
        ports: &[],
        inside: "",
    },
    Service {
        site: 1,
        role: "CentralMgmt",
        instance: 1,
        class: "CentralMgmtService",
        place: Place::Pool(1, 1),
        depends: &[(1, "CentralMgmtStore", 1), (1, "FileStore", 1)],
        ports: &[],
        inside: "<CentralMgmtService xmlns=\"R\" IsActive=\"true\" />",
    },
    Service {
        site: 1,
        role: "CentralMgmtStore",
        instance: 1,
        class: "CentralMgmtStoreService",
        place: Place::Sql,
        depends: &[],
        ports: &[],
        inside: "",
    },
    Service {
        site: 1,
        role: "Registrar",
        instance: 2,
        class: "RegistrarService",
        place: Place::Pool(1, 3),
        depends: &[(1, "FileStore", 1)],
        ports: REGISTRAR_PORTS,
        inside: "<RegistrarService xmlns=\"R\" IsDirector=\"true\" />",
    },
    Service {
        site: 1,
        role: "WebServices",
        instance: 2,
        class: "WebService",
        place: Place::Pool(1, 3),
        depends: &[(1, "FileStore", 1)],
        ports: WEB_PORTS,
        inside: "<WebService xmlns=\"R\"><InternalSettings Host=\"dir01.redmond.litwareinc.com\" /><ExternalSettings Host=\"web02.litwareinc.com\" /></WebService>",
    },
    Service {
        site: 1,
        role: "MediationServer",
        instance: 1,
        class: "MediationService",
        place: Place::Pool(1, 4),
        depends: &[(1, "Registrar", 1), (1, "PstnGateway", 1)],
        ports: &[
            (
                "urn:component:MediationServer",
                "SipServer",
                "Primary",
                5070,
                "Mtls",
            ),
            (
                "urn:component:MediationServer",
                "GatewayPort",
                "Pstn",
                5067,
                "Tls",
            ),
        ],
        inside: "",
    },
    Service {
        site: 1,
        role: "EdgeServer",
        instance: 1,
        class: "EdgeService",
        place: Place::Pool(1, 5),
        depends: &[(1, "Registrar", 2)],
        ports: &[
            (
                "urn:component:AccessEdge",
                "SipRemoteAccess",
                "External",
                443,
                "Tls",
            ),
            (
                "urn:component:AccessEdge",
                "SipServer",
                "Internal",
                5061,
                "Mtls",
            ),
        ],
        inside: "",
    },
    Service {
        site: 1,
        role: "ManagementServices",
        instance: 1,
        class: "ManagementService",
        place: Place::Pool(1, 5),
        depends: &[],
        ports: REPLICATION,
        inside: "",
    },
    Service {
        site: 1,
        role: "PstnGateway",
        instance: 1,
        class: "PstnGatewayService",
        place: Place::Pool(1, 6),
        depends: &[],
        ports: &[(
            "urn:component:PstnGateway",
            "SipServer",
            "Primary",
            5067,
            "Tls",
        )],
        inside: "<PstnGatewayService xmlns=\"R\" MediationServerPort=\"5067\" Default=\"true\" />",
    },
    Service {
        site: 1,
        role: "MonitoringStore",
        instance: 1,
        class: "MonitoringStoreService",
        place: Place::Sql,
        depends: &[],
        ports: &[],
        inside: "",
    },
    Service {
        site: 2,
        role: "UserServices",
        instance: 1,
        class: "UserServicesService",
        place: Place::Pool(2, 1),
        depends: &[(1, "FileStore", 1)],
        ports: &[],
        inside: "",
    },
    Service {
        site: 2,
        role: "Registrar",
        instance: 1,
        class: "RegistrarService",
        place: Place::Pool(2, 1),
        depends: &[(2, "UserServices", 1), (1, "EdgeServer", 1)],
        ports: REGISTRAR_PORTS,
        inside: "<RegistrarService xmlns=\"R\" IsDirector=\"false\" />",
    },
    Service {
        site: 2,
        role: "WebServices",
        instance: 1,
        class: "WebService",
        place: Place::Pool(2, 1),
        depends: &[(1, "FileStore", 1), (2, "UserServices", 1)],
        ports: WEB_PORTS,
        inside: "<WebService xmlns=\"R\"><InternalSettings Host=\"pool02.dublin.litwareinc.com\" /><ExternalSettings Host=\"web03.litwareinc.com\" /></WebService>",
    },
    Service {
        site: 2,
        role: "ConfServices",
        instance: 1,
        class: "ConfService",
        place: Place::Pool(2, 1),
        depends: &[(1, "FileStore", 1)],
        ports: &[],
        inside: "",
    },
];

/// The document, in one line.
pub fn topology(signature: &str) -> String {
    let mut text = format!(
        "<Topology xmlns=\"urn:schema:Microsoft.Rtc.Management.Deploy.Topology.2008\" Signature=\"{signature}\"><InternalDomains AllowAllDomains=\"false\" DefaultDomain=\"litwareinc.com\"><InternalDomain Name=\"litwareinc.com\" Authoritative=\"false\" AllowSubDomains=\"true\" /></InternalDomains><Sites><CentralSite SiteId=\"1\"><Name>Redmond</Name><Location City=\"Redmond\" State=\"WA\" CountryCode=\"US\" /></CentralSite><CentralSite SiteId=\"2\"><Name>Dublin</Name><Location City=\"Dublin\" State=\"\" CountryCode=\"IE\" /></CentralSite></Sites><Clusters>"
    );
    POOLS.iter().for_each(|pool| cluster(&mut text, pool));
    text.push_str("</Clusters><SqlInstances><SqlInstance><SqlInstanceId Name=\"rtc\"><ClusterId SiteId=\"1\" Number=\"2\" /></SqlInstanceId></SqlInstance></SqlInstances><Services>");
    SERVICES.iter().for_each(|one| service(&mut text, one));
    text.push_str("</Services></Topology>");
    text
}

fn cluster(text: &mut String, pool: &Pool) {
    let replicates = pool.replicates;
    let _infallible = write!(
        text,
        "<Cluster RequiresReplication=\"{replicates}\" RequiresSetup=\"{replicates}\" Fqdn=\"{}\"><ClusterId SiteId=\"{}\" Number=\"{}\" />",
        pool.fqdn, pool.site, pool.number
    );
    for (at, machine) in pool.machines.iter().enumerate() {
        let _infallible = write!(
            text,
            "<Machine OrdinalInCluster=\"{0}\" Fqdn=\"{machine}\" FaultDomain=\"{machine}\" UpgradeDomain=\"{machine}\">",
            at + 1
        );
        match pool.edge {
            None => text.push_str("<NetInterface InterfaceSide=\"Primary\" InterfaceNumber=\"1\" IPAddress=\"0.0.0.0\" />"),
            Some((inside, outside)) => {
                let _infallible = write!(
                    text,
                    "<NetInterface InterfaceSide=\"Internal\" InterfaceNumber=\"1\" IPAddress=\"{inside}\" /><NetInterface InterfaceSide=\"External\" InterfaceNumber=\"1\" IPAddress=\"10.0.6.11\" ConfiguredIPAddress=\"{outside}\" />"
                );
            }
        }
        text.push_str("</Machine>");
    }
    text.push_str("</Cluster>");
}

fn service(text: &mut String, service: &Service) {
    let Service {
        site,
        role,
        instance,
        class,
        ..
    } = service;
    let _infallible = write!(
        text,
        "<Service RoleVersion=\"1\" ServiceVersion=\"6\" Type=\"Microsoft.Rtc.Management.Deploy.Internal.ServiceRoles.{class}\"><ServiceId SiteId=\"{site}\" RoleName=\"{role}\" Instance=\"{instance}\" /><DependsOn>"
    );
    for (site, role, instance) in service.depends {
        let _infallible = write!(
            text,
            "<Dependency Usage=\"Default\"><ServiceId SiteId=\"{site}\" RoleName=\"{role}\" Instance=\"{instance}\" /></Dependency>"
        );
    }
    text.push_str("</DependsOn><InstalledOn>");
    let _infallible = match service.place {
        Place::Pool(site, number) => {
            write!(text, "<ClusterId SiteId=\"{site}\" Number=\"{number}\" />")
        }
        Place::Sql => write!(
            text,
            "<SqlInstanceId Name=\"rtc\"><ClusterId SiteId=\"1\" Number=\"2\" /></SqlInstanceId>"
        ),
    };
    text.push_str("</InstalledOn>");
    if !service.ports.is_empty() {
        let _infallible = write!(text, "<Ports xmlns=\"{ROLES}\">");
        for (owner, usage, side, port, protocol) in service.ports {
            let _infallible = write!(
                text,
                "<Port Owner=\"{owner}\" Usage=\"{usage}\" InterfaceSide=\"{side}\" InterfaceNumber=\"1\" Port=\"{port}\" Protocol=\"{protocol}\" UrlPath=\"/\" AuthorizesRequests=\"true\" />"
            );
        }
        text.push_str("</Ports>");
    }
    text.push_str(
        &service
            .inside
            .replace("xmlns=\"R\"", &format!("xmlns=\"{ROLES}\"")),
    );
    text.push_str("</Service>");
}
