//! JSON to the byte as Python's `json.dumps(indent=2)` writes it.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{CharEscape, Formatter, PrettyFormatter, Serializer};

/// Returns `value` as `json.dumps(value, indent=2)` would.
pub(super) fn dumps(value: &Value) -> String {
    let mut bytes = Vec::new();
    let formatter = PythonFormatter {
        pretty: PrettyFormatter::new(),
    };
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, formatter))
        .expect("a Vec takes every byte and a Value has only string keys");
    String::from_utf8(bytes).expect("JSON in ASCII")
}

/// `serde_json`'s own layout, which is Python's, with Python's strings and
/// numbers.
struct PythonFormatter {
    pretty: PrettyFormatter<'static>,
}

impl Formatter for PythonFormatter {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for c in fragment.chars() {
            if (' '..='~').contains(&c) {
                write!(writer, "{c}")?;
                continue;
            }
            // What needs more than 16 bits becomes a pair of surrogates.
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }

    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, number: f64) -> io::Result<()> {
        let shortest = format!("{number:e}");
        let (digits, exponent) = shortest.split_once('e').expect("`{:e}` writes an exponent");
        let exponent: i32 = exponent
            .parse()
            .expect("`{:e}` writes a number after the e");
        match exponent {
            -4..16 => write!(writer, "{number:?}"),
            _ => write!(writer, "{digits}e{exponent:+03}"),
        }
    }

    // The rest is passed on. `Formatter` has defaults for all of it, so one
    // that is left out here would silently lose its line break.

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        self.pretty.write_char_escape(writer, escape)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.pretty.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.pretty.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(value: Value, expected: &str) {
        assert_eq!(dumps(&value), expected);
    }

    // The expected texts come from Python 3.11.

    #[test]
    fn layout() {
        check(json!([]), "[]");
        check(json!({}), "{}");
        check(json!([[], {}, 1]), "[\n  [],\n  {},\n  1\n]");
        check(
            json!({"a": {"b": [1, 2]}}),
            "{\n  \"a\": {\n    \"b\": [\n      1,\n      2\n    ]\n  }\n}",
        );
    }

    #[test]
    fn strings_are_ascii() {
        check(
            json!("é\u{7f}\u{2028}😀"),
            r#""\u00e9\u007f\u2028\ud83d\ude00""#,
        );
        check(
            json!("\0\u{1f}\u{8}\u{c}\n\r\t\"\\/<>&"),
            r#""\u0000\u001f\b\f\n\r\t\"\\/<>&""#,
        );
        check(json!({"é": 1}), "{\n  \"\\u00e9\": 1\n}");
    }

    #[test]
    fn numbers_are_python_s() {
        for (number, expected) in [
            (json!(0), "0"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!(-1), "-1"),
            (json!(1.0), "1.0"),
            (json!(-0.0), "-0.0"),
            (json!(0.1), "0.1"),
            (json!(0.0001), "0.0001"),
            (json!(0.00001), "1e-05"),
            (json!(1.5e-7), "1.5e-07"),
            (json!(1e15), "1000000000000000.0"),
            (json!(1e16), "1e+16"),
            (json!(123_456_789_012_345_680.0), "1.2345678901234568e+17"),
            (json!(1e300), "1e+300"),
        ] {
            check(number, expected);
        }
    }
}
