//! The blueprint language as a JSON Schema (draft 2020-12), for editors: made from the same declarations as the parser.
//!
//! It accepts whatever the parser accepts, with one exception that helps more than it hurts: what is required must stand
//! in the blueprint itself, not only in each of its environments. What concerns several values at once, such as
//! references, only the parser knows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::blueprint;
use crate::blueprint::shape::{Choice, Field, Shape, Struct, Word};
use crate::report::reference::{capital, phrase, sentence};

/// The schema of a blueprint, with a line break at its end.
pub fn blueprint() -> String {
    let Shape::Struct(document) = blueprint::shape() else {
        unreachable!("a blueprint is a mapping with fixed keys")
    };
    let mut definitions = Definitions { document: &document, made: BTreeMap::new() };
    let mut schema = definitions.mapping(&document, Form::Whole);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "A blueprint of platctl".into();
    schema["$defs"] = definitions.made.into_iter().collect();
    format!("{schema:#}\n")
}

/// What a mapping stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// All of it: what is required must be there.
    Whole,
    /// What is laid over another one: nothing is required, and `null` removes.
    Overlay,
}

/// The mappings with fixed keys, each described once.
struct Definitions<'a> {
    document: &'a Struct,
    made: BTreeMap<String, Value>,
}

impl Definitions<'_> {
    fn schema(&mut self, shape: &Shape, form: Form) -> Value {
        match shape {
            Shape::Word(of) => self.or_variable(word(of)),
            Shape::Choice { values, .. } => self.or_variable(choice(values)),
            Shape::Boolean => self.or_variable(json!({"type": "boolean"})),
            Shape::Integer { min, max } => {
                self.or_variable(json!({"type": "integer", "minimum": min, "maximum": max}))
            }
            // A list is replaced as a whole.
            Shape::List(item) => {
                let items = self.schema(item, Form::Whole);
                self.or_variable(json!({"type": "array", "items": items}))
            }
            Shape::Map { key, value } => {
                let value = self.schema(value, form);
                self.or_variable(map(key, &removable(value, form)))
            }
            Shape::Struct(of) => self.reference(of.name, of, form),
            Shape::Overlay { fixed } => {
                let mut rest = self.document.clone();
                rest.fields.retain(|field| !fixed.contains(&field.key.as_str()));
                self.reference("Environment", &rest, Form::Overlay)
            }
            Shape::Either(shapes) => self.either(shapes, form),
            Shape::Any => json!(true),
        }
    }

    /// A value, or a text that names a variable.
    fn or_variable(&mut self, schema: Value) -> Value {
        let variable = json!({
            "type": "string",
            "pattern": VARIABLE,
            "description": "A text with the value of a variable.",
        });
        self.made.entry("Variable".into()).or_insert(variable);
        json!({"anyOf": [schema, {"$ref": "#/$defs/Variable"}]})
    }

    /// Whether components of the blueprint have this form, which can be repeated.
    fn is_component(&self, of: &Struct) -> bool {
        self.document.fields.iter().any(|field| match &field.shape {
            Shape::Map { value, .. } => {
                matches!(&**value, Shape::Struct(it) if it.name == of.name)
            }
            _ => false,
        })
    }

    /// A reference to a mapping, which is described on the first one.
    fn reference(&mut self, name: &str, of: &Struct, form: Form) -> Value {
        let name = match form {
            Form::Whole => name.to_owned(),
            Form::Overlay => format!("{name}Overlay"),
        };
        if !self.made.contains_key(&name) {
            let schema = self.mapping(of, form);
            let schema = self.or_variable(schema);
            self.made.insert(name.clone(), schema);
        }
        json!({"$ref": format!("#/$defs/{name}")})
    }

    fn mapping(&mut self, of: &Struct, form: Form) -> Value {
        let mut properties: Map<String, Value> =
            of.fields.iter().map(|field| (field.key.clone(), self.property(field, form))).collect();
        if self.is_component(of) {
            let doc = "Repeats the component: `3`, `1..3`, a list of names, or a mapping.";
            properties.insert("each".into(), json!({"description": doc}));
        }
        let mut schema = json!({
            "type": "object",
            "description": sentence(of.doc),
            "properties": properties,
            "additionalProperties": false,
        });
        let required: Vec<&str> =
            of.fields.iter().filter(|field| field.required).map(|it| it.key.as_str()).collect();
        if form == Form::Whole && !required.is_empty() {
            if of.fields.iter().any(|field| field.key == "replicaOf") {
                // A replica takes from its source what is not said.
                schema["anyOf"] = json!([{"required": required}, {"required": ["replicaOf"]}]);
            } else {
                schema["required"] = json!(required);
            }
        }
        schema
    }

    fn property(&mut self, field: &Field, form: Form) -> Value {
        let Field { key: _, doc, shape, default, required: _ } = field;
        let schema = self.schema(shape, form);
        let mut schema = match removable(schema, form) {
            Value::Object(members) => members,
            // Anything at all.
            _ => Map::new(),
        };
        let what = match shape {
            Shape::Choice { .. } | Shape::Struct(_) | Shape::Map { .. } | Shape::Overlay { .. } => {
                String::new()
            }
            shape => format!(" {}.", capital(&phrase(shape))),
        };
        schema.insert("description".into(), format!("{}{what}", sentence(doc)).into());
        if let (Some(default), Form::Whole) = (default, form) {
            schema.insert("default".into(), yaml(default));
        }
        schema.into()
    }

    fn either(&mut self, shapes: &[Shape], form: Form) -> Value {
        let (mappings, others): (Vec<&Shape>, Vec<&Shape>) =
            shapes.iter().partition(|shape| matches!(shape, Shape::Struct(_)));
        let mut all: Vec<Value> = others.iter().map(|shape| self.schema(shape, form)).collect();
        match form {
            // Which of the mappings it is in the end shows only once they are laid over each other.
            Form::Overlay if mappings.len() > 1 => all.push(self.any_of_them(&mappings)),
            Form::Whole | Form::Overlay => {
                all.extend(mappings.iter().map(|shape| self.schema(shape, form)));
            }
        }
        match <[Value; 1]>::try_from(all) {
            Ok([only]) => only,
            Err(all) => json!({"anyOf": all}),
        }
    }

    /// An overlay with the keys of several mappings.
    fn any_of_them(&mut self, mappings: &[&Shape]) -> Value {
        let mut properties: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for field in mappings.iter().flat_map(|shape| shape.keys()) {
            let schema = self.property(field, Form::Overlay);
            let known = properties.entry(field.key.clone()).or_default();
            if !known.contains(&schema) {
                known.push(schema);
            }
        }
        let properties: Map<String, Value> = properties
            .into_iter()
            .map(|(key, all)| match <[Value; 1]>::try_from(all) {
                Ok([only]) => (key, only),
                Err(all) => (key, json!({"anyOf": all})),
            })
            .collect();
        json!({"type": "object", "properties": properties, "additionalProperties": false})
    }
}

/// What names a variable, or the item of a repeated component.
const VARIABLE: &str = "\\$\\(";

/// In an overlay, `null` removes what the blueprint says.
fn removable(schema: Value, form: Form) -> Value {
    match form {
        Form::Whole => schema,
        Form::Overlay if schema == json!(true) => schema,
        Form::Overlay => {
            json!({"anyOf": [schema, {"type": "null", "description": "Removes it."}]})
        }
    }
}

fn map(key: &Shape, value: &Value) -> Value {
    match key {
        // Editors complete properties that are listed.
        Shape::Choice { values, .. } => {
            let properties: Map<String, Value> =
                values.iter().map(|it| (it.value.to_owned(), value.clone())).collect();
            json!({"type": "object", "properties": properties, "additionalProperties": false})
        }
        Shape::Word(Word { pattern: Some(pattern), .. }) => json!({
            "type": "object",
            "propertyNames": {"anyOf": [{"pattern": pattern}, {"pattern": VARIABLE}]},
            "additionalProperties": value,
        }),
        _ => json!({"type": "object", "additionalProperties": value}),
    }
}

fn choice(values: &[Choice]) -> Value {
    let words: Vec<&str> = values.iter().map(|it| it.value).collect();
    let docs: Vec<String> = values.iter().map(|it| sentence(it.doc)).collect();
    // `enumDescriptions` is not of the standard: editors know it.
    json!({"type": "string", "enum": words, "enumDescriptions": docs})
}

fn word(word: &Word) -> Value {
    let mut types: BTreeSet<&str> = ["string"].into();
    // A valid text without quotes may be a number or a truth value to YAML.
    let plain = word.examples.iter().copied().chain(["1", "1.5", "true"]);
    for text in plain.filter(|text| !word.quoted && (word.accepts)(text)) {
        types.extend(match yaml(text) {
            Value::Bool(_) => Some("boolean"),
            Value::Number(number) if number.is_f64() => Some("number"),
            Value::Number(_) => Some("integer"),
            Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
        });
    }
    if types.contains("number") {
        types.remove("integer");
    }
    let mut schema = match types.len() {
        1 => json!({"type": "string"}),
        _ => json!({"type": types}),
    };
    if let Some(pattern) = &word.pattern {
        schema["pattern"] = pattern.as_str().into();
    }
    if !word.examples.is_empty() {
        schema["examples"] = word.examples.iter().map(|text| yaml(text)).collect();
    }
    schema
}

/// A text of the language as YAML takes it.
fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|_| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `word` says, asked for a text.
    fn matches(schema: &Value, text: &str) -> bool {
        jsonschema::draft202012::is_valid(schema, &text.into())
    }

    /// Every kind of scalar of the language, and every kind of key.
    fn words(shape: &Shape, found: &mut BTreeMap<String, Word>) {
        match shape {
            Shape::Word(word) => {
                found.entry(word.what.clone()).or_insert_with(|| word.clone());
            }
            Shape::List(item) => words(item, found),
            Shape::Map { key, value } => {
                words(key, found);
                words(value, found);
            }
            Shape::Struct(of) => of.fields.iter().for_each(|field| words(&field.shape, found)),
            Shape::Either(shapes) => shapes.iter().for_each(|shape| words(shape, found)),
            Shape::Choice { .. }
            | Shape::Boolean
            | Shape::Integer { .. }
            | Shape::Overlay { .. }
            | Shape::Any => {}
        }
    }

    fn all_words() -> Vec<Word> {
        let mut found = BTreeMap::new();
        words(&blueprint::shape(), &mut found);
        found.into_values().collect()
    }

    #[test]
    fn every_example_is_valid_and_matches() {
        let words = all_words();
        assert!(words.len() > 30, "only {} words", words.len());
        for of in words {
            let schema = word(&of);
            for example in of.examples {
                let value = yaml(example);
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                assert!((of.accepts)(&text), "{}: {example} is refused", of.what);
                assert!(jsonschema::draft202012::is_valid(&schema, &value), "{schema}: {example}");
            }
            if let Some(pattern) = &of.pattern {
                assert!(pattern.starts_with('^') && pattern.ends_with('$'), "{pattern}");
                assert!(!(of.accepts)("\u{7f}") && !matches(&schema, "\u{7f}"), "{pattern}");
            }
        }
    }

    /// Texts near to a valid one: with a character more, less or other at each place, and much longer ones.
    fn near_misses(seed: &str) -> BTreeSet<String> {
        let joints =
            ["", "0", "9", "a", "Z", ".", "-", "_", "/", ":", " ", "..", "*", "+", "@", "ä"];
        let mut texts: BTreeSet<String> =
            [0, 1, 2, 40, 63, 64, 128].map(|times| seed.repeat(times)).into();
        for (at, character) in seed.char_indices() {
            let (head, tail) = seed.split_at(at);
            texts.extend([head.to_owned(), tail.to_owned()]);
            for joint in joints {
                texts.insert(format!("{head}{joint}{tail}"));
                texts.insert(format!("{head}{joint}{}", &tail[character.len_utf8()..]));
            }
        }
        texts
    }

    #[test]
    fn what_the_parser_accepts_matches_the_pattern_and_almost_nothing_else_does() {
        const LONG: usize = 100;
        let others = [
            "0",
            "255",
            "48h",
            "0Gi",
            "true",
            "none",
            "a.b",
            "2 .. 10",
            "*.com",
            "db.x1.y",
            "arn:aws:s3:::a",
        ];
        let of_others: BTreeSet<String> = others.into_iter().flat_map(near_misses).collect();
        let mut loose: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for word in all_words().into_iter().filter(|word| word.pattern.is_some()) {
            let schema = json!({"pattern": word.pattern});
            let validator = jsonschema::draft202012::new(&schema).unwrap();
            let examples = word.examples.iter().map(|it| it.trim_matches('"'));
            let own: BTreeSet<String> = examples.flat_map(near_misses).collect();
            for text in own.union(&of_others) {
                let valid = (word.accepts)(text);
                let matching = validator.is_valid(&text.as_str().into());
                assert!(matching || !valid, "{}: `{text}` does not match {schema}", word.what);
                // How long a text may be is for the parser.
                if matching && !valid && text.len() <= LONG {
                    loose.entry(word.what.clone()).or_default().push(text.clone());
                }
            }
        }
        // Bounds of numbers and lengths, ranges with host bits, and windows that are too short are for the parser.
        for (what, texts) in loose {
            let bounded =
                ["between", "range", "window", "retention", "status codes", "version", "address"];
            assert!(
                bounded.iter().any(|it| what.contains(it)),
                "{what}: {} matches are not valid, such as `{}`",
                texts.len(),
                texts[0]
            );
        }
    }
}
