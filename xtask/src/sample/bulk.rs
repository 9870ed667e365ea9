//! Large packages: settings and policies with flags, numbers, dial rules and members, log-normally distributed in size.

use std::fmt::Write;

use cs_model::{DocumentKey, ScopeClass};

use super::package::Package;
use super::random::{Random, exp};

/// Of the logarithm of a document's size in bytes.
const MEAN: f64 = 8.62;
const DEVIATION: f64 = 0.85;
const LEAST: u64 = 512;
const MOST: u64 = 40_960;

/// What stands around the payload, about.
const FRAME: u64 = 500;

const FLAGS: [&str; 16] = [
    "AllowSimulRing",
    "AllowCallForwarding",
    "AllowPSTNReRouting",
    "EnableDelegation",
    "EnableTeamCall",
    "EnableCallTransfer",
    "EnableCallPark",
    "EnableMaliciousCallTracing",
    "EnableBWPolicyOverride",
    "PreventPSTNTollBypass",
    "AllowOrganizeMeetingsWithAnonymous",
    "EnableFileTransfer",
    "EnableP2PRecording",
    "AllowExternalUserControl",
    "EnableAppDesktopSharing",
    "AllowPolls",
];
const NUMBERS: [&str; 8] = [
    "MaxMeetingSize",
    "AudioBitRateKb",
    "VideoBitRateKb",
    "FileTransferBitRateKb",
    "MaxVideoRateAllowed",
    "TimeoutSeconds",
    "RetryCount",
    "CacheMinutes",
];
const PLACES: [&str; 12] = [
    "redmond", "dublin", "zurich", "lisbon", "osaka", "lima", "oslo", "tampa", "pune", "cairo",
    "quebec", "perth",
];
const FIRST: [&str; 16] = [
    "ken", "pilar", "jonas", "adriana", "david", "toni", "sara", "mikael", "lisa", "omar", "ines",
    "petra", "yuki", "carlos", "anna", "david",
];
const LAST: [&str; 16] = [
    "myer",
    "ackerman",
    "hanson",
    "barber",
    "long",
    "poe",
    "davis",
    "lindqvist",
    "andrews",
    "said",
    "costa",
    "novak",
    "tanaka",
    "lima",
    "bedecs",
    "campbell",
];

/// The package.
pub fn package(documents: u64, big: Option<u64>, seed: u64) -> Result<Vec<u8>, String> {
    let mut random = Random::new(seed);
    let mut package = Package::new()?;
    for number in 0..documents {
        let size = exp(MEAN + DEVIATION * random.normal());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a size of some thousand bytes"
        )]
        let size = (size as u64).clamp(LEAST, MOST).saturating_sub(FRAME);
        let element = format!("Settings{number:06}");
        let payload = payload(&element, size, &mut random);
        package.document(&key(&element), &[(String::new(), random.guid(), payload)])?;
    }
    if let Some(bytes) = big {
        one_big(&mut package, bytes, &mut random)?;
    }
    package.finish()
}

fn key(element: &str) -> DocumentKey {
    DocumentKey::host(
        "urn:schema:CsVault.Sample.2026",
        element,
        ScopeClass::Global,
    )
}

/// One document, piece by piece.
fn one_big(package: &mut Package, bytes: u64, random: &mut Random) -> Result<(), String> {
    let (head, tail) = cs_archive::document_frame(&cs_model::DocumentId::Keyed(key("Big")));
    package.text(&format!(
        "{head}<Item><Key /><Value Signature=\"{}\"><Big xmlns=\"urn:schema:CsVault.Sample.2026\">",
        random.guid()
    ))?;
    let mut written = 0;
    while written < bytes {
        let mut piece = String::new();
        for _ in 0..64 {
            if random.between(0, 1) == 0 {
                rule(&mut piece, random)
            } else {
                member(&mut piece, random)
            }
        }
        written += piece.len() as u64;
        package.text(&piece)?;
    }
    package.text(&format!("</Big></Value></Item>{tail}"))
}

fn payload(element: &str, size: u64, random: &mut Random) -> String {
    let mut text = format!(
        "<{element} xmlns=\"urn:schema:CsVault.Sample.2026\" Version=\"{}\"",
        random.between(1, 400)
    );
    for at in 0..random.between(4, 16) {
        let name = FLAGS
            .get(usize::try_from(at).unwrap_or(0))
            .copied()
            .unwrap_or("Enabled");
        let _infallible = write!(text, " {name}=\"{}\"", random.between(0, 1) == 1);
    }
    for name in NUMBERS
        .iter()
        .take(usize::try_from(random.between(1, 8)).unwrap_or(1))
    {
        let _infallible = write!(text, " {name}=\"{}\"", random.between(1, 4000));
    }
    text.push('>');
    let rules = random.between(0, 1) == 0;
    while (text.len() as u64) < size {
        if rules {
            rule(&mut text, random)
        } else {
            member(&mut text, random)
        }
    }
    let _infallible = write!(text, "</{element}>");
    text
}

fn rule(text: &mut String, random: &mut Random) {
    let (area, digits) = (random.between(200, 989), random.between(3, 9));
    let _infallible = write!(
        text,
        "<NormalizationRule Name=\"{}-{area}\" Description=\"Calls from {} with {digits} digits\" Pattern=\"^{area}(\\d{{{digits}}})$\" Translation=\"+{}{area}$1\" IsInternalExtension=\"{}\" />",
        random.one(&PLACES),
        random.one(&PLACES),
        random.between(1, 99),
        random.between(0, 1) == 1
    );
}

fn member(text: &mut String, random: &mut Random) {
    let (first, last) = (random.one(&FIRST), random.one(&LAST));
    let _infallible = write!(
        text,
        "<Member Sid=\"S-1-5-21-{}-{}-{}\" Upn=\"{first}.{last}{}@{}.litwareinc.com\" HomeServer=\"pool{}.{}.litwareinc.com\" Id=\"{}\" Enabled=\"{}\" />",
        random.between(1_000_000_000, 4_000_000_000),
        1_563_985_344,
        random.between(1000, 99_999),
        random.between(1, 99),
        random.one(&PLACES),
        random.between(1, 20),
        random.one(&PLACES),
        random.guid(),
        random.between(0, 1) == 1
    );
}
