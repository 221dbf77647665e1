//! Greets and calculates.

use syft_guest::prelude::*;

/// Greets somebody.
#[on_request("/hello")]
fn hello(#[default("World")] name: String) -> String {
    format!("Hello, {name}!")
}

/// Calculates with two whole numbers: add, subtract or multiply.
#[on_request("/calculate")]
fn calculate(a: i64, b: i64, #[default("add")] operation: String) -> Result<i64, Error> {
    let result = match operation.as_str() {
        "add" => a.checked_add(b),
        "subtract" => a.checked_sub(b),
        "multiply" => a.checked_mul(b),
        other => {
            return Err(Error::bad_request(format!(
                "unsupported operation: {other}"
            )));
        }
    };
    result.ok_or_else(|| Error::bad_request("the result is too large"))
}

syft_guest::app!(hello, calculate);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greets() {
        assert_eq!(hello("Ada".to_owned()), "Hello, Ada!");
    }

    #[test]
    fn calculates() {
        for (operation, expected) in [("add", 7), ("subtract", 3), ("multiply", 10)] {
            assert_eq!(calculate(5, 2, operation.to_owned()).unwrap(), expected);
        }
    }

    #[test]
    fn refuses_what_it_cannot_do() {
        assert_eq!(
            calculate(1, 2, "divide".to_owned()).unwrap_err().status(),
            400
        );
        assert_eq!(
            calculate(i64::MAX, 1, "add".to_owned())
                .unwrap_err()
                .status(),
            400
        );
    }
}
