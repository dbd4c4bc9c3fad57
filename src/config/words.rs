//! What the TOML and serde libraries say about a file, in the words of the one who wrote it.
//!
//! Their errors are text only. Its forms are those of the constructors of [`serde::de::Error`];
//! what has another form stays as it is.

/// A message as a sentence of our own.
pub(super) fn reworded(message: &str, marked: &str) -> String {
    let reworded = unknown_key(message)
        .or_else(|| unknown_word(message))
        .or_else(|| other_type(message, marked))
        .or_else(|| out_of_range(message))
        .or_else(|| {
            let key = message.strip_prefix("missing field ")?.trim_matches('`');
            Some(format!("the key `{key}` is missing here"))
        })
        .or_else(|| syntax(message, marked));
    match reworded {
        Some(sentence) => sentence,
        None if marked.contains(['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}']) => {
            "typographic quotes, as word processors write them: type \" instead".to_owned()
        }
        None => message.to_owned(),
    }
}

fn syntax(message: &str, marked: &str) -> Option<String> {
    let end = marked.find(|c: char| c.is_whitespace()).unwrap_or(marked.len());
    let word = marked.get(..end).filter(|word| word.is_ascii() && !word.is_empty());
    Some(match (message, word) {
        ("duplicate key", _) => "this key is there twice: leave one of them out".to_owned(),
        ("wanted string or table", _) => "text in quotes belongs here".to_owned(),
        ("key with no value, expected `=`", _) => {
            "an equals sign belongs between a key and its value".to_owned()
        }
        ("invalid basic string, expected `\"`", _) => "the closing quote is missing".to_owned(),
        (message, Some(word))
            if message.starts_with("invalid boolean")
                || message.starts_with("string values must be quoted") =>
        {
            format!("text stands in quotes: \"{word}\"")
        }
        _ => return None,
    })
}

/// The words in backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The nearest of some words, if one is near.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let distance = |known: &str| match word.starts_with(known) {
        true => 1,
        false => strsim::damerau_levenshtein(&word, known),
    };
    let near = known.iter().map(|known| (distance(known), *known));
    let near = near.filter(|(distance, known)| *distance <= (known.len() / 3).max(1));
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

fn unknown_key(message: &str) -> Option<String> {
    let words = quoted(message.strip_prefix("unknown field ")?);
    let (key, known) = words.split_first()?;
    Some(match nearest(key, known) {
        Some(near) => format!("there is no key `{key}` here: did you mean `{near}`?"),
        None if known.is_empty() => format!("there is no key `{key}` here"),
        None => format!("there is no key `{key}` here; the keys are {}", known.join(", ")),
    })
}

fn unknown_word(message: &str) -> Option<String> {
    let words = quoted(message.strip_prefix("unknown variant ")?);
    let (word, known) = words.split_first()?;
    Some(match nearest(word, known) {
        Some(near) => format!("`{word}` is not known here: did you mean `{near}`?"),
        None => format!("`{word}` is not known here; write one of {}", known.join(", ")),
    })
}

/// The smallest and the largest number of a type, by the name that serde writes.
fn range(of: &str) -> Option<(i64, i64)> {
    Some(match of {
        "u8" => (0, u8::MAX.into()),
        "u16" => (0, u16::MAX.into()),
        "u32" => (0, u32::MAX.into()),
        "i64" => (i64::MIN, i64::MAX),
        _ => return None,
    })
}

fn out_of_range(message: &str) -> Option<String> {
    let (found, expected) = message.strip_prefix("invalid value: ")?.split_once(", expected ")?;
    let number = quoted(found).first().copied()?;
    let (first, last) = range(expected)?;
    Some(format!("{number} is out of range: write a number from {first} to {last}"))
}

fn other_type(message: &str, marked: &str) -> Option<String> {
    let (found, expected) = message.strip_prefix("invalid type: ")?.split_once(", expected ")?;
    let text = found.strip_prefix("string \"").and_then(|text| text.strip_suffix('"'));
    let is_number = range(expected).is_some();
    let what = match expected {
        _ if is_number => "a whole number",
        "a sequence" => "a list",
        "a boolean" => "true or false",
        "a string" => "text in quotes",
        "a map" => "a table",
        expected if expected.starts_with("struct ") => "a table",
        expected => expected,
    };
    let cure = match (found, text) {
        ("map", _) if what == "a list" && marked.starts_with('[') => {
            "write double brackets, as [[service]], once for each".to_owned()
        }
        ("map", _) if marked.starts_with("[[") => {
            "write single brackets, since there is only one".to_owned()
        }
        (_, Some(text)) if is_number && text.parse::<i64>().is_ok() => {
            format!("leave out the quotes: {text}")
        }
        (_, Some(text)) if what == "a list" => format!("write brackets: [\"{text}\"]"),
        (_, Some(_)) if what == "true or false" => "write it without quotes".to_owned(),
        ("sequence", None) if what != "a list" => "write one value, without brackets".to_owned(),
        (_, None) if what == "text in quotes" => match quoted(found).first() {
            Some(value) => format!("write \"{value}\""),
            None => "write it in quotes".to_owned(),
        },
        _ => String::new(),
    };
    let found = match (found, text) {
        ("map", _) => "a table".to_owned(),
        ("sequence", _) => "a list".to_owned(),
        (_, Some(text)) => format!("the text \"{text}\""),
        (found, None) => quoted(found).first().map_or(found, |value| value).to_owned(),
    };
    let sentence = format!("{what} belongs here, not {found}");
    Some(if cure.is_empty() { sentence } else { format!("{sentence}: {cure}") })
}
