//! The namespaces that are declared at a place of a document. A prefix is found at once, however many others there are: documents
//! with thousands of them would take hours otherwise.

use std::collections::HashMap;

const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// Declarations, innermost last.
#[derive(Default)]
pub struct Namespaces {
    prefixes: Vec<String>,
    names: HashMap<String, Vec<String>>,
}

/// Why a declaration is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misdeclared {
    /// The prefix or the namespace is XML's own.
    Reserved,
    /// Only the default namespace can be taken back.
    Unbound,
}

impl Namespaces {
    /// How many declarations are in force.
    pub fn len(&self) -> usize {
        self.prefixes.len()
    }

    /// Declares a namespace; the empty prefix is the default one.
    pub fn declare(&mut self, prefix: &str, name: &str) -> Result<(), Misdeclared> {
        if prefix == "xmlns" || name == XMLNS || (prefix == "xml") != (name == XML) {
            return Err(Misdeclared::Reserved);
        }
        if name.is_empty() && !prefix.is_empty() {
            return Err(Misdeclared::Unbound);
        }
        self.prefixes.push(prefix.to_owned());
        self.names
            .entry(prefix.to_owned())
            .or_default()
            .push(name.to_owned());
        Ok(())
    }

    /// Forgets all but the first so many declarations.
    pub fn truncate(&mut self, length: usize) {
        for prefix in self.prefixes.drain(length.min(self.prefixes.len())..) {
            if let Some(names) = self.names.get_mut(&prefix) {
                names.pop();
                if names.is_empty() {
                    self.names.remove(&prefix);
                }
            }
        }
    }

    /// The namespace of a prefix.
    pub fn find(&self, prefix: &str) -> Option<&str> {
        match self.names.get(prefix).and_then(|names| names.last()) {
            Some(name) => Some(name),
            None if prefix == "xml" => Some(XML),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_declaration_is_in_force() {
        let mut namespaces = Namespaces::default();
        namespaces.declare("p", "urn:1").unwrap();
        namespaces.declare("p", "urn:2").unwrap();
        namespaces.declare("", "").unwrap();
        assert_eq!(namespaces.find("p"), Some("urn:2"));
        namespaces.truncate(1);
        assert_eq!(namespaces.find("p"), Some("urn:1"));
        namespaces.truncate(0);
        assert_eq!((namespaces.find("p"), namespaces.len()), (None, 0));
        assert_eq!(namespaces.find("xml"), Some(XML));
        assert_eq!(namespaces.declare("p", ""), Err(Misdeclared::Unbound));
        assert_eq!(namespaces.declare("p", XML), Err(Misdeclared::Reserved));
    }
}
