//! Random packages of every shape that a reader must take.

use proptest::prelude::*;

/// Names as real documents and hand edits have them.
const NAMES: [&str; 8] = [
    "Policy", "Rule", "a", "x:Extra", "Données", "T-1.b", "_u", "x:Z",
];
const SPACES: [&str; 5] = ["", " ", "\r\n  ", "\n\t", "\t"];

/// Text with everything that may stand in it, escaped or not.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ -%'-;=?-~]{0,12}",
        "[\u{e0}-\u{17f}\u{4e00}-\u{4e20}\u{1f600}]{0,4}",
        Just("&amp;&lt;&#10;&#x1F600;&quot;".to_owned()),
        Just("\r\n\t".to_owned()),
        Just("\u{feff}".to_owned()),
        Just("]] >".to_owned()),
    ];
    prop::collection::vec(piece, 0..3).prop_map(|pieces| pieces.concat())
}

fn attributes() -> impl Strategy<Value = String> {
    let names = prop::sample::subsequence(vec!["A", "b", "x:c", "é", "Signature"], 0..4);
    (
        names,
        text(),
        any::<bool>(),
        prop::sample::select(&SPACES[1..]),
    )
        .prop_map(|(names, value, double, space)| {
            let quote = if double { '"' } else { '\'' };
            let value: String = value
                .chars()
                .filter(|letter| !"\"'".contains(*letter))
                .collect();
            let one = |name: &&str| format!("{space}{name}={quote}{value}{quote}");
            names.iter().map(one).collect()
        })
}

/// Any content of an element.
pub fn content() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => text(),
        1 => "[ -,.-~]{0,9}".prop_map(|text| format!("<!-- {text} -->")),
        1 => "[ -=@-~]{0,9}".prop_map(|text| format!("<?pi {text}?>")),
        1 => "[ -=?-~<&]{0,9}".prop_map(|text| format!("<![CDATA[{}]]>", text.replace("]]", ""))),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        (
            prop::sample::select(&NAMES[..]),
            attributes(),
            prop::collection::vec(inner, 0..4),
            prop::sample::select(&SPACES[..]),
        )
            .prop_map(|(name, attributes, children, space)| {
                let declared = " xmlns:x=\"urn:x\" xmlns=\"urn:schema:any.2010\"";
                match children.concat() {
                    inside if inside.is_empty() => {
                        format!("<{name}{declared}{attributes}{space}/>")
                    }
                    inside => format!("<{name}{declared}{attributes}>{inside}</{name}{space}>"),
                }
            })
    })
}

/// A document: AnchoredXml with items, or a bare payload.
fn document(number: usize) -> impl Strategy<Value = String> {
    let item = (content(), 0_usize..4, prop::sample::select(&SPACES[..]));
    (
        prop::collection::vec(item, 0..5),
        any::<bool>(),
        attributes(),
        content(),
        prop::sample::select(&SPACES[..]),
    )
        .prop_map(move |(items, anchored, attributes, payload, space)| {
            let open = format!("<DocItem Name=\"urn:d:{number}\" xmlns:x=\"urn:x\"{attributes}>{space}<Data>{space}");
            let close = format!("{space}</Data><Unknown/>{space}</DocItem>");
            if !anchored {
                return format!("{open}<Bare>{payload}</Bare>{close}");
            }
            let key = format!(
                "<Key ScopeClass=\"Tag\"><SchemaId Namespace=\"urn:n\" ElementName=\"E{number}\" /><AuthorityId Class=\"Host\" InstanceId=\"00000000-0000-0000-0000-000000000000\" /></Key>"
            );
            let items: String = items
                .iter()
                .enumerate()
                .map(|(at, (content, form, space))| {
                    let key = match form {
                        0 => format!("<Key TagId=\"{at}\" />"),
                        1 => format!("<Key TagId='{at}' Name='N &amp; n'></Key>"),
                        2 => format!("<Key>{space}<TagId>{at}</TagId></Key>"),
                        _ => format!("<Key Other=\"{at}\"><More y=\"1\"/></Key>"),
                    };
                    format!("<Item>{key}<Value Signature=\"00000000-0000-0000-0000-{at:012}\">{content}</Value></Item>{space}")
                })
                .collect();
            format!("{open}<AnchoredXml SchemaWriteVersion=\"1\">{key}<Dictionary Count=\"2\">{space}{items}</Dictionary></AnchoredXml>{close}")
        })
}

/// `DocItemSet.xml` as text, its encoding, and other parts.
#[derive(Debug, Clone)]
pub struct Package {
    /// What the part says, in UTF-8; with an encoding declared it is that of [`Self::bytes`].
    pub set: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Other parts.
    pub parts: Vec<(String, Vec<u8>)>,
}

/// Any package.
pub fn package() -> impl Strategy<Value = Package> {
    let documents: Vec<_> = (0..4).map(document).collect();
    let parts = (
        any::<bool>(),
        any::<bool>(),
        prop::collection::vec(any::<u8>(), 0..40),
    );
    (documents, 1_usize..5, 0_usize..5, any::<bool>(), prop::sample::select(&SPACES[..]), parts).prop_map(
        |(documents, count, encoding, declared, space, (header, types, other))| {
            let documents = documents.get(..count).unwrap_or_default().join(space);
            let name = if encoding < 2 { "utf-8" } else { "utf-16" };
            let declaration = match declared {
                true => format!("<?xml version=\"1.0\" encoding=\"{name}\"?>\r\n"),
                false => String::new(),
            };
            let text = format!("{declaration}<?pi?>{space}<w:DocItemSet xmlns:w=\"urn:w\">{space}{documents}{space}</w:DocItemSet><!-- end -->{space}");
            let set = text.replacen("utf-16", "utf-8", 1);
            let (set, bytes) = match encoding {
                0 => (set.clone(), set.into_bytes()),
                1 => {
                    let marked = format!("\u{feff}{set}");
                    (marked.clone(), marked.into_bytes())
                }
                2 | 3 => (set, with_mark(&text, u16::to_le_bytes)),
                _ => (set, with_mark(&text, u16::to_be_bytes)),
            };
            let mut parts = Vec::new();
            if header {
                parts.push(("Header.xml".to_owned(), b"\xef\xbb\xbf<Header Version='1'/>\r\n".to_vec()));
            }
            if types {
                parts.push(("[Content_Types].xml".to_owned(), b"<Types/>".to_vec()));
            }
            if !other.is_empty() {
                parts.push(("docs/notes.bin".to_owned(), other));
            }
            Package { set, bytes, parts }
        },
    )
}

fn with_mark(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let mark = std::iter::once(0xfeff);
    mark.chain(text.encode_utf16()).flat_map(order).collect()
}
