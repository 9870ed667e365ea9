//! The sample deployment. Names, numbers and addresses are invented; addresses come from the ranges for documentation.

use std::fmt::Write;

use cs_contract::RolesManifest;
use cs_model::{DocumentKey, ScopeClass};

use super::package::Package;
use super::random::Random;
use super::topology::topology;
use crate::generate::manifests::Manifests;
use crate::workspace::root;

const MANAGEMENT: &str = "urn:schema:Microsoft.Rtc.Management.";
const ROLES: &str = "urn:schema:CsVault.Settings.Roles.2026";
const DOMAIN_SID: &str = "S-1-5-21-1085031214-1563985344-725345543";

/// The files, by name.
pub fn files() -> Result<Vec<(&'static str, Vec<u8>)>, String> {
    let mut random = Random::new(2013);
    let document = topology(&random.guid());
    let mut package = Package::new()?;
    let mut item = |key: &str, payload: String| (key.to_owned(), random.guid(), payload);
    let one = |namespace: &str, element: &str, scope| {
        DocumentKey::host(&format!("{MANAGEMENT}{namespace}"), element, scope)
    };

    package.document(&DocumentKey::topology(), &[item("", document.clone())])?;
    let dial_plans = one("Policy.Voice.2008", "LocationProfile", ScopeClass::Global);
    package.document(
        &dial_plans,
        &[item("", dial_plan("Global", "^(\\d{7})$", "+1425$1"))],
    )?;
    let dial_plans = one("Policy.Voice.2008", "LocationProfile", ScopeClass::Site);
    package.document(
        &dial_plans,
        &[item(
            " SiteId=\"2\"",
            dial_plan("Dublin", "^0(\\d{9})$", "+353$1"),
        )],
    )?;
    let dial_plans = one("Policy.Voice.2008", "LocationProfile", ScopeClass::Tag);
    package.document(
        &dial_plans,
        &[item(
            " TagId=\"1\" Name=\"Redmond\"",
            dial_plan("Redmond", "^([2-9]\\d{6})$", "+1425$1"),
        )],
    )?;

    let policies = one("Policy.Voice.2008", "VoicePolicy", ScopeClass::Global);
    package.document(
        &policies,
        &[item("", voice_policy("Global", false, &["Local"]))],
    )?;
    let policies = one("Policy.Voice.2008", "VoicePolicy", ScopeClass::Tag);
    package.document(
        &policies,
        &[
            item(
                " TagId=\"1\" Name=\"RedmondVoice\"",
                voice_policy("RedmondVoice", true, &["Local", "Long Distance"]),
            ),
            item(
                " TagId=\"2\" Name=\"DublinVoice\"",
                voice_policy("DublinVoice", true, &["Local", "International"]),
            ),
        ],
    )?;
    package.document(
        &one(
            "Policy.Voice.2008",
            "PstnRoutingSettings",
            ScopeClass::Global,
        ),
        &[item("", routes())],
    )?;
    package.document(
        &one(
            "Settings.SimpleUrl.2008",
            "SimpleUrlConfiguration",
            ScopeClass::Global,
        ),
        &[item("", simple_urls())],
    )?;
    package.document(
        &DocumentKey::host(ROLES, "Roles", ScopeClass::Global),
        &[item("", roles(&Manifests::read(&root())?.roles))],
    )?;
    Ok(vec![
        ("topology.xml", document.into_bytes()),
        ("config.zip", package.finish()?),
    ])
}

fn dial_plan(name: &str, pattern: &str, translation: &str) -> String {
    format!(
        "<LocationProfile xmlns=\"{MANAGEMENT}Policy.Voice.2008\" DialinConferencingRegion=\"{name}\" SimpleName=\"{name}\" ExternalAccessPrefix=\"9\"><NormalizationRule Name=\"{name} local\" Description=\"Local numbers of {name}\" Pattern=\"{pattern}\" Translation=\"{translation}\" IsInternalExtension=\"false\" /><NormalizationRule Name=\"Extensions\" Description=\"Five digits\" Pattern=\"^(\\d{{5}})$\" Translation=\"+14255$1\" IsInternalExtension=\"true\" /></LocationProfile>"
    )
}

fn voice_policy(name: &str, forwarding: bool, usages: &[&str]) -> String {
    let usages: String = usages
        .iter()
        .map(|usage| format!("<PstnUsage>{usage}</PstnUsage>"))
        .collect();
    format!(
        "<VoicePolicy xmlns=\"{MANAGEMENT}Policy.Voice.2008\" Name=\"{name}\" AllowSimulRing=\"true\" AllowCallForwarding=\"{forwarding}\" EnableDelegation=\"true\" EnableTeamCall=\"true\" EnableCallTransfer=\"true\" EnableCallPark=\"{forwarding}\" PreventPSTNTollBypass=\"false\"><PstnUsages>{usages}</PstnUsages></VoicePolicy>"
    )
}

fn routes() -> String {
    let mut text = format!("<PstnRoutingSettings xmlns=\"{MANAGEMENT}Policy.Voice.2008\">");
    let routes = [
        ("Redmond local", "^\\+1425\\d{7}$", "Local"),
        ("North America", "^\\+1\\d{10}$", "Long Distance"),
        ("Ireland", "^\\+353\\d{7,9}$", "Local"),
        ("World", "^\\+\\d{8,15}$", "International"),
    ];
    for (priority, (name, pattern, usage)) in routes.iter().enumerate() {
        let _infallible = write!(
            text,
            "<Route Name=\"{name}\" Priority=\"{priority}\" NumberPattern=\"{pattern}\" SuppressCallerId=\"false\"><PstnUsages><PstnUsage>{usage}</PstnUsage></PstnUsages><PstnGatewayList><Gateway>PstnGateway:gw01.redmond.litwareinc.com</Gateway></PstnGatewayList></Route>"
        );
    }
    text.push_str("</PstnRoutingSettings>");
    text
}

fn simple_urls() -> String {
    let url = |component: &str, address: &str| {
        format!(
            "<SimpleUrl Component=\"{component}\" Domain=\"litwareinc.com\" ActiveUrl=\"https://{address}\"><SimpleUrlEntry Url=\"https://{address}\" /></SimpleUrl>"
        )
    };
    format!(
        "<SimpleUrlConfiguration xmlns=\"{MANAGEMENT}Settings.SimpleUrl.2008\" UseBackendDatabase=\"false\">{}{}{}</SimpleUrlConfiguration>",
        url("meet", "meet.litwareinc.com"),
        url("dialin", "dialin.litwareinc.com"),
        url("Cscp", "admin.litwareinc.com")
    )
}

/// The predefined roles and two made here: the operators of backups, and the voice administrators of one site.
fn roles(manifest: &RolesManifest) -> String {
    let mut text = format!("<Roles xmlns=\"{ROLES}\">");
    for role in &manifest.roles {
        let cmdlets: Vec<&str> = role.cmdlets.iter().map(String::as_str).collect();
        push_role(
            &mut text,
            &role.identity,
            role.rid,
            None,
            &cmdlets,
            "Global",
            "Global",
        );
    }
    push_role(
        &mut text,
        "RedmondBackupOperators",
        2101,
        None,
        &[
            "Export-CsConfiguration",
            "Import-CsConfiguration",
            "Get-CsTopology",
        ],
        "Global",
        "Global",
    );
    let voice = manifest
        .roles
        .iter()
        .find(|role| role.identity == "CSVoiceAdministrator");
    let voice: Vec<&str> = voice
        .iter()
        .flat_map(|role| &role.cmdlets)
        .map(String::as_str)
        .collect();
    push_role(
        &mut text,
        "RedmondVoiceAdministrators",
        2102,
        Some("CSVoiceAdministrator"),
        &voice,
        "site:Redmond",
        "OU:ou=Redmond,dc=litwareinc,dc=com",
    );
    text.push_str("</Roles>");
    text
}

fn push_role(
    text: &mut String,
    name: &str,
    rid: u32,
    template: Option<&str>,
    cmdlets: &[&str],
    config: &str,
    user: &str,
) {
    let standard = rid < 2000;
    let template = template
        .map(|template| format!(" Template=\"{template}\""))
        .unwrap_or_default();
    let cmdlets: String = cmdlets
        .iter()
        .map(|cmdlet| format!("<Cmdlet Name=\"{cmdlet}\" />"))
        .collect();
    let _infallible = write!(
        text,
        "<Role Identity=\"{name}\" SID=\"{DOMAIN_SID}-{rid}\" IsStandardRole=\"{standard}\"{template}><Cmdlets>{cmdlets}</Cmdlets><ScriptModules /><ConfigScopes><ConfigScope Value=\"{config}\" /></ConfigScopes><UserScopes><UserScope Value=\"{user}\" /></UserScopes></Role>"
    );
}
