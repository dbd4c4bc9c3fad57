//! The JSON Schema of the file says what the parser says.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::ClusterSpec;
use super::forms;

#[path = "../../tests/support/schema.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the kernel tests")]
mod schema;

fn schema() -> Json {
    serde_json::from_str(include_str!("../../schema/cluster.schema.json")).unwrap()
}

/// The file without the checks that compare values with each other, which no schema can have.
fn parsed(value: &Json) -> Result<(), String> {
    let text = document(value);
    toml::from_str::<ClusterSpec>(&text).map(|_| ()).map_err(|error| format!("{error}\n{text}"))
}

/// A table at the top level, as TOML.
fn document(value: &Json) -> String {
    let fields = value.as_object().unwrap().iter();
    fields.map(|(key, value)| format!("{key:?} = {}\n", inline(value))).collect()
}

fn inline(value: &Json) -> String {
    match value {
        Json::Array(items) => {
            format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        Json::Object(fields) => {
            let field = |(key, value)| format!("{key:?} = {}", inline(value));
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        Json::Null => "\"\"".to_owned(),
        scalar => scalar.to_string(),
    }
}

/// Numbers that look random, from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// A value that the schema accepts.
fn instance(rule: &Json, root: &Json, dice: &mut Dice) -> Json {
    if let Some(path) = rule["$ref"].as_str() {
        return instance(root.pointer(&path[1..]).unwrap(), root, dice);
    }
    if let Some(value) = rule.get("const") {
        return value.clone();
    }
    for word in ["enum", "examples"] {
        if let Some(values) = rule[word].as_array() {
            return values[dice.roll(values.len())].clone();
        }
    }
    if let Some(rules) = rule["oneOf"].as_array() {
        return instance(&rules[dice.roll(rules.len())], root, dice);
    }
    match rule["type"].as_str().unwrap() {
        "boolean" => json!(dice.roll(2) == 0),
        "integer" => {
            let (least, most) =
                (rule["minimum"].as_i64().unwrap(), rule["maximum"].as_i64().unwrap());
            json!([least, most, least / 2 + most / 2][dice.roll(3)])
        }
        "array" => (0..=dice.roll(2)).map(|_| instance(&rule["items"], root, dice)).collect(),
        "object" => {
            let required = rule["required"].as_array().cloned().unwrap_or_default();
            let fields = rule["properties"].as_object().unwrap().iter();
            let mut object = serde_json::Map::new();
            for (name, rule) in fields {
                if required.contains(&json!(name)) || dice.roll(2) == 0 {
                    object.insert(name.clone(), instance(rule, root, dice));
                }
            }
            Json::Object(object)
        }
        other => panic!("no instance of {other}"),
    }
}

/// Replaces one value, at any depth, or adds a key.
fn spoil(value: &mut Json, dice: &mut Dice) {
    let deeper = dice.roll(4) > 0;
    match value {
        Json::Object(fields) if deeper && !fields.is_empty() => {
            let at = dice.roll(fields.len());
            spoil(fields.values_mut().nth(at).unwrap(), dice);
        }
        Json::Array(items) if deeper && !items.is_empty() => {
            let at = dice.roll(items.len());
            spoil(&mut items[at], dice);
        }
        Json::Object(fields) if dice.roll(2) == 0 => {
            fields.insert("unknown".to_owned(), json!(1));
        }
        value => {
            let junk = [
                json!(true),
                json!(-1),
                json!(3_000_000_000_u64),
                json!([]),
                json!({}),
                json!(1.5),
                json!("?"),
                json!(0),
                json!([[]]),
            ];
            let junk = &junk[dice.roll(junk.len())];
            // Serde reads a table from an array of its values too, which nobody writes.
            if !(value.is_object() && junk.is_array()) {
                *value = junk.clone();
            }
        }
    }
}

proptest! {
    #[test]
    fn parser_accepts_what_the_schema_accepts(seed: u64) {
        let root = schema();
        let value = instance(&root, &root, &mut Dice(seed));
        prop_assert_eq!(schema::violation(&value, &root), None);
        if let Err(error) = parsed(&value) {
            // One value against another.
            prop_assert!(error.contains("is above upper-threshold"), "{}", error);
        }
    }

    #[test]
    fn parser_refuses_what_the_schema_refuses(seed: u64) {
        let (root, mut dice) = (schema(), Dice(seed));
        let mut value = instance(&root, &root, &mut dice);
        spoil(&mut value, &mut dice);
        if let (Some(violation), true) = (schema::violation(&value, &root), value.is_object()) {
            prop_assert!(parsed(&value).is_err(), "{violation}\n{}", document(&value));
        }
    }
}

/// The names that the parser expects where it finds an unknown one.
fn expected(text: &str) -> Vec<String> {
    let error = toml::from_str::<ClusterSpec>(text).unwrap_err().message().to_owned();
    let (_, names) = error.split_once("expected").unwrap_or_else(|| panic!("{error}"));
    let mut names: Vec<String> =
        names.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect();
    names.sort();
    names
}

#[test]
fn schema_has_every_key_of_every_table() {
    let root = schema();
    for (at, text) in [
        ("", "unknown = 1"),
        ("/properties/director", "director = { unknown = 1 }"),
        ("/properties/director/properties/timeouts", "director.timeouts = { unknown = 1 }"),
        ("/properties/real-server", "real-server = { unknown = 1 }"),
        ("/$defs/sync", "director.sync = [{ unknown = 1 }]"),
        ("/$defs/bond", "director.bond = [{ unknown = 1 }]"),
        ("/$defs/service", "service = [{ unknown = 1 }]"),
        ("/$defs/persistence", "service = [{ persistence = { unknown = 1 } }]"),
        ("/$defs/real_table", "service = [{ real = [{ unknown = 1 }] }]"),
        ("/$defs/tunnel/oneOf/1", "service = [{ real = [{ tunnel = { unknown = 1 } }] }]"),
    ] {
        let names = root.pointer(at).unwrap()["properties"].as_object().unwrap().keys();
        let mut names: Vec<String> = names.cloned().collect();
        names.sort();
        assert_eq!(names, expected(text), "{at}");
    }
}

#[test]
fn schema_has_every_parameter_and_its_range() {
    let root = schema();
    let known = &root["properties"]["director"]["properties"]["parameters"]["properties"];
    for (name, least, most) in forms::ranges() {
        assert_eq!(known[name], json!({"type": "integer", "minimum": least, "maximum": most}));
    }
    assert_eq!(known.as_object().unwrap().len(), forms::ranges().count() + 1);
}
