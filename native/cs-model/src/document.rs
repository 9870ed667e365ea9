//! Keys of documents and of the items inside them.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// The authority of a document: `Host` with the zero guid on premises.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Authority {
    /// `Host` or `Tenant`, or whatever a package carries.
    pub class: String,
    /// The guid as the package spells it.
    pub id: String,
}

impl Authority {
    /// The on-premises authority, `Host{00000000-0000-0000-0000-000000000000}`.
    #[must_use]
    pub fn host() -> Self {
        Self {
            class: "Host".to_owned(),
            id: Uuid::nil().to_string(),
        }
    }
}

/// The scope class of a document: all instances of one class share one document.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScopeClass {
    /// The one instance of the deployment.
    Global,
    /// Instances of sites.
    Site,
    /// Instances of services.
    Service,
    /// Named instances that are granted to users.
    Tag,
    /// A class that this version does not know; carried through unchanged.
    Other(String),
}

impl ScopeClass {
    /// The text of the class as documents spell it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Global => "Global",
            Self::Site => "Site",
            Self::Service => "Service",
            Self::Tag => "Tag",
            Self::Other(text) => text,
        }
    }
}

impl From<&str> for ScopeClass {
    fn from(text: &str) -> Self {
        match text {
            "Global" => Self::Global,
            "Site" => Self::Site,
            "Service" => Self::Service,
            "Tag" => Self::Tag,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// The key of a document, printed as the product prints it in its deployment logs:
/// `{urn:schema:...}Topology,Host{00000000-0000-0000-0000-000000000000},Global`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentKey {
    /// The XML namespace of the setting.
    pub namespace: String,
    /// The local name of the setting's element.
    pub element: String,
    /// Whose document it is.
    pub authority: Authority,
    /// The scope class that its items share.
    pub scope: ScopeClass,
}

impl DocumentKey {
    /// The key of an on-premises document.
    #[must_use]
    pub fn host(namespace: &str, element: &str, scope: ScopeClass) -> Self {
        Self {
            namespace: namespace.to_owned(),
            element: element.to_owned(),
            authority: Authority::host(),
            scope,
        }
    }

    /// The key of the topology document.
    #[must_use]
    pub fn topology() -> Self {
        Self::host(
            "urn:schema:Microsoft.Rtc.Management.Deploy.Topology.2008",
            "Topology",
            ScopeClass::Global,
        )
    }
}

impl fmt::Display for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{{{}}}{},{}{{{}}},{}",
            self.namespace,
            self.element,
            self.authority.class,
            self.authority.id,
            self.scope.as_str()
        )
    }
}

/// Why a text is not a document key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a document key; expected {{namespace}}Element,Host{{guid}},Scope")]
pub struct DocumentKeyError {
    /// The text as given.
    pub text: String,
}

impl FromStr for DocumentKey {
    type Err = DocumentKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || DocumentKeyError {
            text: text.to_owned(),
        };
        let rest = text.strip_prefix('{').ok_or_else(bad)?;
        let (namespace, rest) = rest.split_once('}').ok_or_else(bad)?;
        let (element, rest) = rest.split_once(',').ok_or_else(bad)?;
        let (class, rest) = rest.split_once('{').ok_or_else(bad)?;
        let (id, rest) = rest.split_once('}').ok_or_else(bad)?;
        let scope = rest.strip_prefix(',').ok_or_else(bad)?;
        if element.is_empty() || class.is_empty() || scope.is_empty() {
            return Err(bad());
        }
        Ok(Self {
            namespace: namespace.to_owned(),
            element: element.to_owned(),
            authority: Authority {
                class: class.to_owned(),
                id: id.to_owned(),
            },
            scope: ScopeClass::from(scope),
        })
    }
}

/// What names a document in a store: its key, or the name of its `DocItem` when the payload
/// carries no key that this version understands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DocumentId {
    /// The payload is AnchoredXml with a key.
    Keyed(DocumentKey),
    /// Anything else, known by the name that the package gives it.
    Named(String),
}

impl DocumentId {
    /// The id as one text; [`DocumentId::parse`] reads it back.
    #[must_use]
    pub fn text(&self) -> String {
        self.to_string()
    }

    /// Reads an id back from its text. Every text is some id: what is no key is a name.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        text.parse()
            .map_or_else(|_| Self::Named(text.to_owned()), Self::Keyed)
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keyed(key) => key.fmt(f),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// The key of an item inside a document, as a text: `Global`, `Site:1`, `Tag:2:Redmond`, `Service:1-Registrar-1`;
/// for keys that this version does not understand, the attributes as `name=value` pairs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemKey(pub String);

impl ItemKey {
    /// The key of the only item of a Global document.
    #[must_use]
    pub fn global() -> Self {
        Self("Global".to_owned())
    }
}

impl fmt::Display for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The SHA-256 of some content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentHash(pub [u8; 32]);

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_prints_as_in_deployment_logs() {
        assert_eq!(
            DocumentKey::topology().to_string(),
            "{urn:schema:Microsoft.Rtc.Management.Deploy.Topology.2008}Topology,Host{00000000-0000-0000-0000-000000000000},Global"
        );
    }

    #[test]
    fn printed_key_reads_back() {
        let key = DocumentKey::host("urn:x", "VoicePolicy", ScopeClass::Tag);
        assert_eq!(key.to_string().parse::<DocumentKey>(), Ok(key.clone()));
        assert_eq!(DocumentId::parse(&key.to_string()), DocumentId::Keyed(key));
    }

    #[test]
    fn text_that_is_no_key_is_a_name() {
        let id = DocumentId::parse("urn:lcd:kenmyer@litwareinc.com");
        assert_eq!(
            id,
            DocumentId::Named("urn:lcd:kenmyer@litwareinc.com".to_owned())
        );
        assert_eq!(id.text(), "urn:lcd:kenmyer@litwareinc.com");
    }
}
