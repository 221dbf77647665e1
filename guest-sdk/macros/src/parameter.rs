//! One parameter of a handler: what it is bound to.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, Lit, Meta, Pat, PatType, Result, Type};

use crate::schema;

/// A parameter of a handler.
pub(crate) struct HandlerParameter {
    pub(crate) ty: Type,
    pub(crate) source: Source,
    pub(crate) span: Span,
}

/// Where the argument comes from.
pub(crate) enum Source {
    /// The whole request.
    Request,
    /// The whole body; `name` is only for the schema.
    Body { name: String },
    /// The value of that name in the JSON object that is the body.
    Name { name: String, default: Option<Expr> },
}

impl HandlerParameter {
    /// Reads a parameter and takes its `#[default]` off.
    pub(crate) fn parse(input: &mut PatType) -> Result<HandlerParameter> {
        let default = take_default(&mut input.attrs)?;
        let ty = (*input.ty).clone();
        refuse_borrowed(&ty)?;
        let source = if schema::is(&ty, "Request") {
            refuse_default(default.as_ref(), "`Request` is always given")?;
            Source::Request
        } else if is_whole_body(&ty) {
            let hint = "a parameter that takes the whole body has no default: make it an `Option`";
            refuse_default(default.as_ref(), hint)?;
            Source::Body {
                name: innermost_name(&input.pat).unwrap_or_else(|| "body".to_owned()),
            }
        } else {
            if schema::is(&ty, "Option") {
                let hint = "an `Option` is `None` where the name is absent: take `Option` or `#[default]` away";
                refuse_default(default.as_ref(), hint)?;
            }
            Source::Name {
                name: plain_name(&input.pat)?,
                default,
            }
        };
        Ok(HandlerParameter {
            ty,
            source,
            span: input.span(),
        })
    }

    /// Returns whether the argument may be absent.
    pub(crate) fn required(&self) -> bool {
        let has_default = matches!(
            &self.source,
            Source::Name {
                default: Some(_),
                ..
            }
        );
        !has_default && !schema::is(&self.ty, "Option")
    }

    /// Returns the tokens that give the default its type.
    ///
    /// A string or a constant is converted, so that `"add"` becomes a `String`.
    /// All else is left alone: `3` would not know which number to convert from.
    pub(crate) fn default_tokens(default: &Expr) -> TokenStream {
        let span = default.span();
        let converted = match default {
            Expr::Lit(literal) => matches!(literal.lit, Lit::Str(_)),
            Expr::Path(_) => true,
            _ => false,
        };
        if converted {
            quote_spanned!(span=> ::core::convert::Into::into(#default))
        } else {
            quote_spanned!(span=> #default)
        }
    }
}

/// Returns whether the type takes the whole body: `Json<T>`, `Text`, `Bytes`, or
/// one of them in an `Option`.
fn is_whole_body(ty: &Type) -> bool {
    let ty = schema::generic(ty, "Option").unwrap_or(ty);
    ["Json", "Text", "Bytes"]
        .iter()
        .any(|name| schema::is(ty, name))
}

fn take_default(attributes: &mut Vec<Attribute>) -> Result<Option<Expr>> {
    let mut default = None;
    for attribute in attributes.extract_if(.., |attribute| attribute.path().is_ident("default")) {
        if default.is_some() {
            return Err(Error::new(attribute.span(), "a second `#[default]`"));
        }
        let Meta::List(list) = &attribute.meta else {
            return Err(Error::new(
                attribute.span(),
                "the value is missing: #[default(value)]",
            ));
        };
        default = Some(list.parse_args()?);
    }
    Ok(default)
}

fn refuse_default(default: Option<&Expr>, reason: &str) -> Result<()> {
    match default {
        Some(default) => Err(Error::new(default.span(), reason)),
        None => Ok(()),
    }
}

fn refuse_borrowed(ty: &Type) -> Result<()> {
    match ty {
        Type::Reference(reference) => Err(Error::new(
            ty.span(),
            match &*reference.elem {
                Type::Path(path) if path.path.is_ident("str") => {
                    "a handler owns its parameters: use `String`"
                }
                Type::Slice(_) => "a handler owns its parameters: use `Vec`",
                _ => "a handler owns its parameters: take the `&` away",
            },
        )),
        Type::ImplTrait(_) => Err(Error::new(
            ty.span(),
            "a handler is not generic: name the type of the parameter",
        )),
        _ => Ok(()),
    }
}

/// Returns the name that the caller gives the parameter.
fn plain_name(pattern: &Pat) -> Result<String> {
    match pattern {
        Pat::Ident(ident) if ident.by_ref.is_none() && ident.subpat.is_none() => {
            Ok(ident.ident.unraw().to_string())
        }
        _ => Err(Error::new(
            pattern.span(),
            "a parameter that is taken by name has a plain name, not a pattern",
        )),
    }
}

/// Returns `model` of `model` and of `Json(model)`.
fn innermost_name(pattern: &Pat) -> Option<String> {
    match pattern {
        Pat::Ident(ident) => Some(ident.ident.unraw().to_string()),
        Pat::TupleStruct(tuple) if tuple.elems.len() == 1 => innermost_name(&tuple.elems[0]),
        _ => None,
    }
}
