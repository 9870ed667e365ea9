//! The attributes of a start tag, as they are written.

use super::characters::{check_letters, is_space, skip_space};
use super::references::check_reference;
use super::{Broken, RawAttribute, Rules, limit, rule, shown};

impl Rules<'_> {
    /// Splits the inside of a tag behind its name into attributes.
    pub(super) fn split<'t>(
        &self,
        mut rest: &'t str,
        attributes: &mut Vec<RawAttribute<'t>>,
    ) -> Result<(), Broken> {
        loop {
            let trimmed = skip_space(rest);
            if trimmed.is_empty() {
                return Ok(());
            }
            if trimmed.len() == rest.len() {
                return rule("two attributes are not separated by white space");
            }
            let Some((name, after)) = trimmed.split_once('=') else {
                return rule(format!("the attribute {} has no value", shown(trimmed)));
            };
            let name = if name.ends_with(is_space) {
                name.trim_end_matches(is_space)
            } else {
                name
            };
            self.check_name(name)?;
            let (quote, inside) = match skip_space(after).split_at_checked(1) {
                Some(("\"", inside)) => ('"', inside),
                Some(("'", inside)) => ('\'', inside),
                _ => {
                    let what = format!(
                        "the value of the attribute {} is not in quotes",
                        shown(name)
                    );
                    return rule(what);
                }
            };
            let Some((value, behind)) = inside.split_once(quote) else {
                return rule(format!(
                    "the value of the attribute {} does not end",
                    shown(name)
                ));
            };
            check_value(name, value)?;
            attributes.push(RawAttribute { name, value });
            if attributes.len() > self.limits.attributes {
                return limit(
                    "attributes in one element",
                    self.limits.attributes,
                    "attributes",
                );
            }
            rest = behind;
        }
    }
}

fn check_value(name: &str, value: &str) -> Result<(), Broken> {
    if value.contains('<') {
        return rule(format!(
            "the value of the attribute {} holds <",
            shown(name)
        ));
    }
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('&') {
        let Some((reference, behind)) = after.split_once(';') else {
            return rule(format!(
                "the value of the attribute {} holds a bare &",
                shown(name)
            ));
        };
        check_reference(reference)?;
        rest = behind;
    }
    check_letters(value)
}
