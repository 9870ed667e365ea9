//! Names with prefixes: each prefix must be declared, and no attribute may be there twice.

use super::characters::is_name_start;
use super::{Broken, RawAttribute, Rules, rule, shown};
use crate::namespaces::Misdeclared;

impl Rules<'_> {
    /// Takes in the namespaces that a tag declares.
    pub(super) fn declare(&mut self, attributes: &[RawAttribute<'_>]) -> Result<(), Broken> {
        for attribute in attributes {
            let prefix = match attribute.name {
                "xmlns" => "",
                name => match name.strip_prefix("xmlns:") {
                    Some(prefix) if is_local(prefix) => prefix,
                    Some(_) => return not_qualified(attribute.name),
                    None => continue,
                },
            };
            match self.namespaces.declare(prefix, attribute.value) {
                Ok(()) => {}
                Err(Misdeclared::Reserved) => {
                    return rule(format!("the prefix {} is reserved", shown(prefix)));
                }
                Err(Misdeclared::Unbound) => {
                    return rule(format!("the prefix {} is bound to nothing", shown(prefix)));
                }
            }
        }
        Ok(())
    }

    /// Every prefix must be declared, and no attribute may be there twice under two prefixes.
    pub(super) fn resolve(
        &self,
        name: &str,
        attributes: &[RawAttribute<'_>],
    ) -> Result<(), Broken> {
        let split = |name: &str| -> Result<Option<(usize, &str)>, Broken> {
            let Some((prefix, local)) = name.split_once(':') else {
                return Ok(None);
            };
            if prefix.is_empty() || !is_local(local) {
                return not_qualified(name);
            }
            match self.namespaces.find(prefix) {
                Some(uri) => Ok(Some((prefix.len() + 1, uri))),
                None => rule(format!("the prefix {} is not declared", shown(prefix))),
            }
        };
        if name.starts_with("xmlns:") {
            return rule("an element has the prefix xmlns");
        }
        split(name)?;
        if attributes.len() < 2
            && attributes
                .iter()
                .all(|attribute| !attribute.name.contains(':'))
        {
            return Ok(());
        }
        let mut expanded: Vec<(&str, &str)> = Vec::new();
        for (at, attribute) in attributes.iter().enumerate() {
            let twice = || {
                rule(format!(
                    "the attribute {} is there twice",
                    shown(attribute.name)
                ))
            };
            if attributes
                .iter()
                .take(at)
                .any(|other| other.name == attribute.name)
            {
                return twice();
            }
            if attribute.name.starts_with("xmlns:") {
                continue;
            }
            if let Some((local, uri)) = split(attribute.name)? {
                let key = (uri, attribute.name.get(local..).unwrap_or_default());
                if expanded.contains(&key) {
                    return twice();
                }
                expanded.push(key);
            }
        }
        Ok(())
    }
}

/// True for a name without a prefix; that it consists of letters of names was checked before.
fn is_local(name: &str) -> bool {
    !name.contains(':') && name.chars().next().is_some_and(is_name_start)
}

fn not_qualified<T>(name: &str) -> Result<T, Broken> {
    rule(format!("{} is not a qualified name", shown(name)))
}

/// True when two attributes have one name. Only names that agree in length and in their ends, as far as 64 bits tell, are compared.
pub(super) fn has_twins(attributes: &[RawAttribute<'_>]) -> bool {
    let mut seen = 0_u64;
    attributes.iter().enumerate().any(|(at, attribute)| {
        let bit = match attribute.name.as_bytes() {
            [first, .., second, last] => {
                let ends = usize::from(*first) + 5 * usize::from(*second) + 11 * usize::from(*last);
                1 << ((ends + 3 * attribute.name.len()) % 64)
            }
            _ => 1,
        };
        let new = seen & bit == 0;
        seen |= bit;
        !new && attributes
            .iter()
            .take(at)
            .any(|other| other.name == attribute.name)
    })
}
