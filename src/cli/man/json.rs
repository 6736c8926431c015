//! The page that lists the documents of `--json`, made from their types.

use super::roff;
use crate::cli::json::documents;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// zoovault-json(7).
pub fn page() -> Vec<u8> {
    let mut page = String::from(
        ".TH ZOOVAULT\\-JSON 7 \"\" \"zoovault\" \"\"\n.SH NAME\nzoovault\\-json \\- what zoovault writes with \\-\\-json\n.SH DESCRIPTION\n",
    );
    page.push_str(&roff(
        "With --json, a command writes one document to stdout, or one object per line where that is said below, and a failure is one line of JSON on stderr. Fields are added in later \
         versions, and never renamed or removed. Zxids and digests are strings in hexadecimal with 0x; times are milliseconds since \
         1970; null means that a value is not known, or that there is none.",
    ));
    let mut objects = BTreeMap::new();
    for schema in documents() {
        let document = schema.as_value();
        let (title, more) = described(document);
        page.push_str(&format!(".SH \"{}\"\n", heading(title)));
        page.push_str(&more.map(roff).unwrap_or_default());
        push_fields(&mut page, document);
        if let Some(Value::Object(definitions)) = document.get("$defs") {
            objects.extend(definitions.clone());
        }
    }
    page.push_str(".SH OBJECTS\n");
    page.push_str(&roff("What the documents are made of."));
    for (name, object) in &objects {
        let (title, more) = described(object);
        page.push_str(&format!(".SS {name}\n{}", roff(title)));
        page.push_str(&more.map(roff).unwrap_or_default());
        push_fields(&mut page, object);
    }
    page.push_str(".SH \"SEE ALSO\"\nzoovault(1), zoovault\\-findings(7)\n");
    page.into_bytes()
}

/// The first sentence of a type's description, and the rest.
fn described(schema: &Value) -> (&str, Option<&str>) {
    let text = schema.get("description").and_then(Value::as_str);
    let text = text.unwrap_or_default();
    match text.split_once(". ") {
        Some((first, rest)) => (first, Some(rest)),
        None => (text.trim_end_matches('.'), None),
    }
}

/// A heading, without the marks of code.
fn heading(text: &str) -> String {
    text.replace('`', "").replace('-', "\\-")
}

/// The fields of an object, or of each form that it may have.
fn push_fields(page: &mut String, schema: &Value) {
    if let Some(Value::Object(fields)) = schema.get("properties") {
        for (name, field) in fields {
            let text = field.get("description").and_then(Value::as_str);
            let text = text.unwrap_or_default().replace('`', "").replace('\n', " ");
            let kind = kind_of(field);
            page.push_str(&format!(
                ".TP\n\\fB{name}\\fR (\\fI{kind}\\fR)\n{}",
                roff(&text)
            ));
        }
    }
    let forms = schema.get("anyOf").and_then(Value::as_array);
    for (number, form) in forms.into_iter().flatten().enumerate() {
        let (title, _) = described(form);
        let place = form.get("$ref").and_then(reference);
        let place = place.map(|name| format!(": {name}")).unwrap_or_default();
        page.push_str(&format!(".PP\nForm {}{place}\n{}", number + 1, roff(title)));
        push_fields(page, form);
    }
}

/// What a field holds, in words.
fn kind_of(field: &Value) -> String {
    let Value::Object(field) = field else {
        return "any value".to_owned();
    };
    if let Some(name) = field.get("$ref").and_then(reference) {
        return name.to_owned();
    }
    if let Some(forms) = field.get("anyOf").and_then(Value::as_array) {
        return forms.iter().map(kind_of).collect::<Vec<_>>().join(" or ");
    }
    match field.get("type") {
        Some(Value::String(kind)) => kind_in_words(kind, field),
        Some(Value::Array(kinds)) => {
            let kinds = kinds.iter().filter_map(Value::as_str);
            let words = kinds.map(|kind| kind_in_words(kind, field));
            words.collect::<Vec<_>>().join(" or ")
        }
        _ => "any value".to_owned(),
    }
}

fn kind_in_words(kind: &str, field: &Map<String, Value>) -> String {
    match (kind, field.get("items")) {
        ("array", Some(items)) => format!("array of {}", kind_of(items)),
        (kind, _) => kind.to_owned(),
    }
}

/// The name at the end of a reference.
fn reference(value: &Value) -> Option<&str> {
    value.as_str()?.rsplit('/').next()
}
