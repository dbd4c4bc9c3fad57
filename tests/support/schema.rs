//! The part of JSON Schema that our schema uses. An unknown keyword fails the test, so that nothing in
//! the schema goes unchecked.

use serde_json::Value;

/// The schema of `ipvsadm -L --json`.
pub fn of_listings() -> Value {
    serde_json::from_str(include_str!("../../schema/ipvsadm.schema.json")).unwrap()
}

/// The first violation of the schema, with its place; `None` if the value is valid.
pub fn violation(value: &Value, root: &Value) -> Option<String> {
    check(value, root, root, "$").err()
}

fn check(value: &Value, schema: &Value, root: &Value, at: &str) -> Result<(), String> {
    let wrong = |what: String| Err(format!("{at}: {value} {what}"));
    for (word, rule) in schema.as_object().unwrap() {
        match word.as_str() {
            "$schema" | "$defs" | "title" | "description" | "examples" => {}
            "$ref" => {
                let path = rule.as_str().unwrap().strip_prefix('#').unwrap();
                check(value, root.pointer(path).unwrap(), root, at)?;
            }
            "const" if value != rule => return wrong(format!("is not {rule}")),
            "enum" if !rule.as_array().unwrap().contains(value) => {
                return wrong(format!("is none of {rule}"));
            }
            "type" if !types(rule).contains(&type_of(value)) => {
                return wrong(format!("is not {rule}"));
            }
            "minimum" if value.as_f64() < rule.as_f64() && value.is_number() => {
                return wrong(format!("is below {rule}"));
            }
            "maximum" if value.as_f64() > rule.as_f64() => {
                return wrong(format!("is above {rule}"));
            }
            "const" | "enum" | "type" | "minimum" | "maximum" => {}
            "required" => {
                for name in rule.as_array().unwrap() {
                    if value.is_object() && value.get(name.as_str().unwrap()).is_none() {
                        return wrong(format!("lacks {name}"));
                    }
                }
            }
            "properties" => {
                for (name, field) in value.as_object().into_iter().flatten() {
                    // A reader ignores what it does not know, but we write nothing else.
                    let Some(rule) = rule.get(name) else {
                        return wrong(format!("has an unknown {name}"));
                    };
                    check(field, rule, root, &format!("{at}.{name}"))?;
                }
            }
            // Checked with the properties, also where the schema permits others.
            "additionalProperties" => assert_eq!(rule, &Value::Bool(false)),
            "minItems" | "maxItems" => {
                let count = value.as_array().map(|items| items.len() as u64);
                let (limit, least) = (rule.as_u64(), word == "minItems");
                if count.is_some() && (if least { count < limit } else { count > limit }) {
                    return wrong(format!("has not {word} {rule}"));
                }
            }
            "items" => {
                for (index, element) in value.as_array().into_iter().flatten().enumerate() {
                    check(element, rule, root, &format!("{at}[{index}]"))?;
                }
            }
            "oneOf" => {
                let rules = rule.as_array().unwrap().iter();
                let results: Vec<_> = rules.map(|rule| check(value, rule, root, at)).collect();
                if results.iter().filter(|result| result.is_ok()).count() != 1 {
                    let errors: Vec<_> = results.into_iter().filter_map(Result::err).collect();
                    return Err(format!("{at}: fits not exactly one: {}", errors.join("; ")));
                }
            }
            other => panic!("the schema says {other}, which is not checked"),
        }
    }
    Ok(())
}

fn types(rule: &Value) -> Vec<&str> {
    match rule {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() || number.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
