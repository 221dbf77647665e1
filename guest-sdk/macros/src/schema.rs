//! Types as the published schema names them, from their syntax alone.
//!
//! A macro sees no types, so an alias or a type of the author's own is `"any"` here.
//! If it has a JSON Schema, that says more at run time.

use syn::{GenericArgument, PathArguments, PathSegment, Type};

const ANY: &str = r#""any""#;

/// Returns the type of a parameter as JSON text, `{"type":"array","items":"int"}`.
pub(crate) fn type_json(ty: &Type) -> String {
    match ty {
        Type::Reference(reference) => type_json(&reference.elem),
        Type::Paren(paren) => type_json(&paren.elem),
        Type::Group(group) => type_json(&group.elem),
        Type::Slice(slice) => array_json(&slice.elem),
        Type::Array(array) => array_json(&array.elem),
        _ => last_segment(ty).map_or_else(|| ANY.to_owned(), path_json),
    }
}

/// Returns the first type argument where `ty` is `<name><..>`.
pub(crate) fn generic<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let segment = last_segment(ty)?;
    if segment.ident == name {
        first_argument(segment)
    } else {
        None
    }
}

/// Returns the value and the error where `ty` is a `Result`. An alias may fix the error.
pub(crate) fn result(ty: &Type) -> Option<(&Type, Option<&Type>)> {
    let segment = last_segment(ty)?;
    if segment.ident != "Result" {
        return None;
    }
    let mut arguments = type_arguments(segment);
    let value = arguments.next()?;
    Some((value, arguments.next()))
}

/// Returns whether the last segment of `ty` is `name`.
pub(crate) fn is(ty: &Type, name: &str) -> bool {
    last_segment(ty).is_some_and(|segment| segment.ident == name)
}

/// Returns whether `ty` is `Vec<u8>`.
pub(crate) fn is_byte_vec(ty: &Type) -> bool {
    generic(ty, "Vec").is_some_and(|item| is(item, "u8"))
}

fn path_json(segment: &PathSegment) -> String {
    let name = segment.ident.to_string();
    match (name.as_str(), first_argument(segment)) {
        ("String" | "str" | "Text", _) => r#""str""#.to_owned(),
        ("Bytes", _) => r#""bytes""#.to_owned(),
        ("bool", _) => r#""bool""#.to_owned(),
        ("f32" | "f64", _) => r#""float""#.to_owned(),
        ("HashMap" | "BTreeMap" | "Map", _) => r#""dict""#.to_owned(),
        ("Vec" | "VecDeque" | "HashSet" | "BTreeSet", Some(item)) => array_json(item),
        ("Option" | "Json" | "Box", Some(inner)) => type_json(inner),
        (name, None) if is_integer(name) => r#""int""#.to_owned(),
        _ => ANY.to_owned(),
    }
}

fn array_json(item: &Type) -> String {
    if is(item, "u8") {
        return r#""bytes""#.to_owned();
    }
    format!(r#"{{"type":"array","items":{}}}"#, type_json(item))
}

fn is_integer(name: &str) -> bool {
    let bits = name
        .strip_prefix('i')
        .or_else(|| name.strip_prefix('u'))
        .unwrap_or("");
    matches!(bits, "8" | "16" | "32" | "64" | "128" | "size")
}

pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        Type::Paren(paren) => last_segment(&paren.elem),
        Type::Group(group) => last_segment(&group.elem),
        _ => None,
    }
}

pub(crate) fn first_argument(segment: &PathSegment) -> Option<&Type> {
    type_arguments(segment).next()
}

pub(crate) fn type_arguments(segment: &PathSegment) -> impl Iterator<Item = &Type> {
    let arguments = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    };
    arguments
        .into_iter()
        .flatten()
        .filter_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_types_as_the_release_does() {
        for (ty, expected) in [
            ("String", r#""str""#),
            ("&'static str", r#""str""#),
            ("std::string::String", r#""str""#),
            ("Text", r#""str""#),
            ("i64", r#""int""#),
            ("u8", r#""int""#),
            ("usize", r#""int""#),
            ("f32", r#""float""#),
            ("bool", r#""bool""#),
            ("Vec<u8>", r#""bytes""#),
            ("Bytes", r#""bytes""#),
            ("Vec<i64>", r#"{"type":"array","items":"int"}"#),
            (
                "Vec<Vec<String>>",
                r#"{"type":"array","items":{"type":"array","items":"str"}}"#,
            ),
            ("[f64; 3]", r#"{"type":"array","items":"float"}"#),
            ("Option<Vec<bool>>", r#"{"type":"array","items":"bool"}"#),
            ("HashMap<String, i64>", r#""dict""#),
            ("serde_json::Map<String, Value>", r#""dict""#),
            ("Json<i64>", r#""int""#),
            ("Json<Model>", r#""any""#),
            ("Model", r#""any""#),
            ("isometry", r#""any""#),
            ("Response", r#""any""#),
            ("()", r#""any""#),
            ("(i64, i64)", r#""any""#),
        ] {
            let ty: Type = syn::parse_str(ty).expect("a type");
            assert_eq!(type_json(&ty), expected);
        }
    }

    #[test]
    fn names_what_a_result_holds() {
        for (output, expected) in [
            ("Result<String, Error>", r#""str""#),
            ("anyhow::Result<Option<f64>>", r#""float""#),
        ] {
            let output: Type = syn::parse_str(output).expect("a return type");
            let (value, _) = result(&output).expect("a result");
            assert_eq!(type_json(value), expected);
        }
    }
}
