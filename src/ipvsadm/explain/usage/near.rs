//! What was probably meant: near words, and the dashes and quotes of word processors.

/// Longest word that is compared, in bytes.
const LONGEST: usize = 64;

/// The known word that is nearest to another one, if one is near. Upper and lower case are the same.
pub(in crate::ipvsadm::explain) fn nearest<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let word = word.to_lowercase();
    let distance = |known: &str| match known.to_lowercase() {
        known if word.len() > 2 && known.starts_with(&word) => 1,
        known => strsim::damerau_levenshtein(&word, &known),
    };
    let near = known.into_iter().map(|known| (distance(known), known));
    let near = near.filter(|(distance, known)| *distance <= (known.len() / 3).max(1));
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// For a line with characters that word processors and web pages put in place of those of a keyboard.
pub(super) fn typography(words: &[&str]) -> Option<String> {
    words.iter().find_map(|word| {
        let (name, code) = word.chars().find_map(|found| Some((name(found)?, u32::from(found))))?;
        let typed = typed(word);
        Some(format!(
            "`{}` has {name} (U+{code:04X}), as word processors and web pages write it: type {typed}",
            word.escape_debug()
        ))
    })
}

fn name(found: char) -> Option<&'static str> {
    Some(match found {
        '\u{2013}' => "an en dash",
        '\u{2014}' => "an em dash",
        '\u{2212}' => "a minus sign",
        '\u{2010}'..='\u{2015}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => "a dash",
        '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}' => "a typographic quote",
        '\u{a0}' | '\u{202f}' | '\u{2000}'..='\u{200b}' | '\u{feff}' => "an invisible space",
        _ => return None,
    })
}

/// The word as a keyboard has it.
fn typed(word: &str) -> String {
    let plain = word.chars().filter_map(|found| match name(found) {
        None => Some(found),
        Some(name) if name.contains("dash") || name.contains("minus") => Some('-'),
        Some(_) => None,
    });
    let plain: String = plain.collect();
    // A pair of dashes becomes one.
    match plain.strip_prefix('-') {
        Some(long) if !long.starts_with('-') && long.len() > 1 && !word.starts_with('-') => {
            format!("-{plain}")
        }
        _ => plain,
    }
}
