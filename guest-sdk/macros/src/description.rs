//! The description of an endpoint: the doc comment of its handler.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// Returns the doc comment without its common indentation and without blank
/// lines at either end, as Python's `inspect.getdoc` returns a docstring.
pub(crate) fn description(attributes: &[Attribute]) -> Option<String> {
    let comments: Vec<String> = attributes.iter().filter_map(doc_comment).collect();
    let lines: Vec<&str> = comments
        .iter()
        .flat_map(|comment| comment.split('\n'))
        .collect();
    // A block comment starts right after `/**`, so its first line does not tell
    // how far the others are indented. Line comments are all alike.
    let first_is_like_others = comments.len() > 1;
    let text = without_indentation(&lines, first_is_like_others);
    let text = text.trim_matches('\n');
    (!text.is_empty()).then(|| text.to_owned())
}

fn doc_comment(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attribute.meta else {
        return None;
    };
    if !meta.path.is_ident("doc") {
        return None;
    }
    match &meta.value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text.value()),
        _ => None,
    }
}

fn without_indentation(lines: &[&str], first_is_like_others: bool) -> String {
    let measured = if first_is_like_others { 0 } else { 1 };
    let indentation = lines
        .iter()
        .skip(measured)
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start().len())
        .min()
        .unwrap_or(0);
    let lines: Vec<&str> = lines
        .iter()
        .enumerate()
        .map(|(i, line)| {
            if i < measured {
                line.trim()
            } else {
                line.get(indentation..).unwrap_or("").trim_end()
            }
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use syn::ItemFn;

    use super::*;

    fn check(source: &str, expected: Option<&str>) {
        let function: ItemFn = syn::parse_str(source).expect("a function");
        assert_eq!(description(&function.attrs).as_deref(), expected);
    }

    #[test]
    fn is_none_without_a_doc_comment() {
        check("fn f() {}", None);
        check("#[doc(hidden)] fn f() {}", None);
        check("///\n/// \nfn f() {}", None);
    }

    #[test]
    fn trims_and_keeps_relative_indentation() {
        check("/// Greets.\nfn f() {}", Some("Greets."));
        check(
            "///\n///   One.\n///\n///     Two.  \n///\nfn f() {}",
            Some("One.\n\n  Two."),
        );
        check(
            "/** One.\n\n    Two.\n      Three.\n */ fn f() {}",
            Some("One.\n\nTwo.\n  Three."),
        );
    }
}
