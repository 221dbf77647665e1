//! JSON Schemas of types, as far as their syntax alone tells.
//!
//! They are texts in the component, where a type of the author's own takes code
//! that makes its schema at run time. Both are the same: syft-guest's tests compare
//! them.

use std::fmt::Write;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, ExprLit, Lit, ReturnType, Type, UnOp};

use crate::schema::{self, first_argument, last_segment, type_arguments};

/// Returns the description of a parameter: its type and its JSON Schema.
pub(crate) fn parameter_tokens(ty: &Type, default: Option<&Expr>) -> TokenStream {
    let default = default.and_then(default_json);
    let default = default.as_deref();
    if schema::is_byte_vec(schema::generic(ty, "Option").unwrap_or(ty)) {
        // It is also taken from a string.
        let bytes = r#"{"type":["string","array"],"items":{"type":"integer","format":"uint8","minimum":0,"maximum":255}}"#;
        return known_tokens(ty, Some(with_default(bytes, default)));
    }
    tokens(ty, default)
}

/// Returns the description of what a handler answers.
pub(crate) fn returns_tokens(output: &ReturnType) -> TokenStream {
    let ReturnType::Type(_, ty) = output else {
        return known_tokens(&syn::parse_quote!(()), None);
    };
    let ty = schema::result(ty).map_or(&**ty, |(value, _)| value);
    // `None` is no body at all.
    let ty = schema::generic(ty, "Option").unwrap_or(ty);
    if schema::is_byte_vec(ty) {
        return known_tokens(ty, None);
    }
    tokens(ty, None)
}

fn tokens(ty: &Type, default: Option<&str>) -> TokenStream {
    if let Some(known) = known(ty) {
        return known_tokens(ty, Some(with_default(&known, default)));
    }
    if !is_nameable(ty) || is_opaque(ty) {
        return known_tokens(ty, None);
    }
    let type_json = schema::type_json(ty);
    let default = option_tokens(default);
    quote! {{
        #[allow(unused_imports, reason = "which one is used depends on the type")]
        use ::syft_guest::__private::{HasSchema as _, HasNoSchema as _};
        ::syft_guest::__private::Described::found(
            ::syft_guest::__private::Typed::<#ty>::NEW.schema(),
            #type_json,
            #default,
        )
    }}
}

fn known_tokens(ty: &Type, schema_json: Option<String>) -> TokenStream {
    let type_json = schema::type_json(ty);
    let schema_json = option_tokens(schema_json.as_deref());
    quote!(::syft_guest::__private::Described::known(#type_json, #schema_json))
}

fn option_tokens(text: Option<&str>) -> TokenStream {
    match text {
        Some(text) => quote!(::core::option::Option::Some(#text)),
        None => quote!(::core::option::Option::None),
    }
}

/// Returns whether the type can be written where the schema is made.
fn is_nameable(ty: &Type) -> bool {
    match ty {
        Type::ImplTrait(_) | Type::Infer(_) | Type::Macro(_) => false,
        Type::Reference(reference) => is_nameable(&reference.elem),
        Type::Paren(paren) => is_nameable(&paren.elem),
        Type::Group(group) => is_nameable(&group.elem),
        Type::Array(array) => is_nameable(&array.elem),
        Type::Slice(slice) => is_nameable(&slice.elem),
        Type::Tuple(tuple) => tuple.elems.iter().all(is_nameable),
        _ => last_segment(ty).is_none_or(|segment| type_arguments(segment).all(is_nameable)),
    }
}

/// Returns whether the type has no schema, since it is no JSON.
fn is_opaque(ty: &Type) -> bool {
    match ty {
        Type::Paren(paren) => is_opaque(&paren.elem),
        Type::Group(group) => is_opaque(&group.elem),
        Type::Tuple(tuple) => tuple.elems.is_empty(),
        _ => ["Bytes", "Response"]
            .iter()
            .any(|name| schema::is(ty, name)),
    }
}

/// Returns the schema of a type of the standard library.
fn known(ty: &Type) -> Option<String> {
    match ty {
        Type::Reference(reference) => return known(&reference.elem),
        Type::Paren(paren) => return known(&paren.elem),
        Type::Group(group) => return known(&group.elem),
        _ => {}
    }
    let segment = last_segment(ty)?;
    let name = segment.ident.to_string();
    match (name.as_str(), first_argument(segment)) {
        ("String" | "str" | "Text", None) => Some(r#"{"type":"string"}"#.to_owned()),
        ("bool", None) => Some(r#"{"type":"boolean"}"#.to_owned()),
        ("f32", None) => Some(r#"{"type":"number","format":"float"}"#.to_owned()),
        ("f64", None) => Some(r#"{"type":"number","format":"double"}"#.to_owned()),
        ("Vec" | "VecDeque", Some(item)) => {
            Some(format!(r#"{{"type":"array","items":{}}}"#, known(item)?))
        }
        ("HashSet" | "BTreeSet", Some(item)) => Some(format!(
            r#"{{"type":"array","uniqueItems":true,"items":{}}}"#,
            known(item)?
        )),
        ("HashMap" | "BTreeMap", Some(key)) if schema::is(key, "String") => {
            let value = type_arguments(segment).nth(1)?;
            let value = known(value)?;
            Some(format!(
                r#"{{"type":"object","additionalProperties":{value}}}"#
            ))
        }
        ("Option", Some(inner)) => nullable(&known(inner)?),
        ("Json" | "Box", Some(inner)) => known(inner),
        (name, None) => integer(name).map(str::to_owned),
        _ => None,
    }
}

/// Returns the schema that takes `null` as well.
fn nullable(schema: &str) -> Option<String> {
    let rest = schema.strip_prefix(r#"{"type":""#)?;
    let (name, rest) = rest.split_once('"')?;
    Some(format!(r#"{{"type":["{name}","null"]{rest}"#))
}

fn integer(name: &str) -> Option<&'static str> {
    let schema = match name {
        "i8" => r#"{"type":"integer","format":"int8","minimum":-128,"maximum":127}"#,
        "i16" => r#"{"type":"integer","format":"int16","minimum":-32768,"maximum":32767}"#,
        "i32" => r#"{"type":"integer","format":"int32"}"#,
        "i64" => r#"{"type":"integer","format":"int64"}"#,
        "i128" => r#"{"type":"integer","format":"int128"}"#,
        "isize" => r#"{"type":"integer","format":"int"}"#,
        "u8" => r#"{"type":"integer","format":"uint8","minimum":0,"maximum":255}"#,
        "u16" => r#"{"type":"integer","format":"uint16","minimum":0,"maximum":65535}"#,
        "u32" => r#"{"type":"integer","format":"uint32","minimum":0}"#,
        "u64" => r#"{"type":"integer","format":"uint64","minimum":0}"#,
        "u128" => r#"{"type":"integer","format":"uint128","minimum":0}"#,
        "usize" => r#"{"type":"integer","format":"uint","minimum":0}"#,
        _ => return None,
    };
    Some(schema)
}

fn with_default(schema: &str, default: Option<&str>) -> String {
    match (schema.strip_suffix('}'), default) {
        (Some(open), Some(default)) => format!(r#"{open},"default":{default}}}"#),
        _ => schema.to_owned(),
    }
}

/// Returns a default as JSON where it is a literal.
fn default_json(default: &Expr) -> Option<String> {
    match default {
        Expr::Lit(ExprLit { lit, .. }) => literal_json(lit),
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => match &*unary.expr {
            Expr::Lit(ExprLit {
                lit: lit @ (Lit::Int(_) | Lit::Float(_)),
                ..
            }) => literal_json(lit).map(|number| format!("-{number}")),
            _ => None,
        },
        _ => None,
    }
}

fn literal_json(literal: &Lit) -> Option<String> {
    match literal {
        Lit::Str(text) => Some(string_json(&text.value())),
        Lit::Bool(value) => Some(value.value.to_string()),
        Lit::Int(number) => Some(number.base10_digits().to_owned()),
        Lit::Float(number) => {
            let number: f64 = number.base10_parse().ok()?;
            number.is_finite().then(|| format!("{number:?}"))
        }
        _ => None,
    }
}

fn string_json(text: &str) -> String {
    let mut json = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if u32::from(c) < 0x20 => {
                // A string takes all that is written.
                write!(json, "\\u{:04x}", u32::from(c)).ok();
            }
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_types_of_the_standard_library() {
        for (ty, expected) in [
            ("&'static str", r#"{"type":"string"}"#),
            (
                "Vec<bool>",
                r#"{"type":"array","items":{"type":"boolean"}}"#,
            ),
            (
                "Option<u8>",
                r#"{"type":["integer","null"],"format":"uint8","minimum":0,"maximum":255}"#,
            ),
            (
                "Option<Json<HashMap<String, Vec<f64>>>>",
                r#"{"type":["object","null"],"additionalProperties":{"type":"array","items":{"type":"number","format":"double"}}}"#,
            ),
            ("Option<Option<String>>", ""),
            ("HashMap<u8, bool>", ""),
            ("Vec<Model>", ""),
            ("[f64; 3]", ""),
            ("()", ""),
        ] {
            let ty: Type = syn::parse_str(ty).expect("a type");
            assert_eq!(known(&ty).unwrap_or_default(), expected);
        }
    }

    #[test]
    fn defaults_are_json_where_they_are_literals() {
        for (default, expected) in [
            ("\"a\\\"\\\\\\n\u{e9}\"", "\"a\\\"\\\\\\u000aé\""),
            ("3", "3"),
            ("0x10_u8", "16"),
            ("-3", "-3"),
            ("1.", "1.0"),
            ("-1.5e3", "-1500.0"),
            ("true", "true"),
            ("vec![]", ""),
            ("NAME", ""),
            ("!true", ""),
            ("-x", ""),
        ] {
            let expr: Expr = syn::parse_str(default).expect("an expression");
            assert_eq!(default_json(&expr).unwrap_or_default(), expected);
        }
    }

    #[test]
    fn what_has_no_name_is_not_asked() {
        for (ty, expected) in [
            ("Model", true),
            ("&'static [Model]", true),
            ("(i64, Model)", true),
            ("impl Serialize", false),
            ("Vec<impl Serialize>", false),
            ("(i64, impl Serialize)", false),
        ] {
            let ty: Type = syn::parse_str(ty).expect("a type");
            assert_eq!(is_nameable(&ty), expected);
        }
    }
}
