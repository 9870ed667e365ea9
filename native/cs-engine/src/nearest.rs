//! What somebody may have meant who wrote a name wrong.

/// The name that is at most three letters away, the nearest one first.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    known
        .into_iter()
        .map(|known| (distance(&name, &known.to_ascii_lowercase()), known))
        .filter(|(distance, _)| *distance <= 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// How many letters must be put in, taken out or replaced.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().take(64).enumerate() {
        let mut left = line + 1;
        let mut next = vec![left];
        for (above, wanted) in row.windows(2).zip(&other) {
            let &[diagonal, above] = above else { continue };
            left = (diagonal + usize::from(letter != *wanted))
                .min(above + 1)
                .min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn distance_counts_single_letters() {
        assert_eq!(distance("cshelpdesk", "cshelpdesk"), 0);
        assert_eq!(distance("cshelpdsk", "cshelpdesk"), 1);
        assert_eq!(distance("helpdesk", "cshelpdesk"), 2);
        assert_eq!(distance("", "abc"), 3);
    }
}
