//! What a plain word of YAML 1.1 stands for.

use crate::canonical::{decode_base64, quote};
use crate::decode::error::Error;
use crate::decode::scalar::number;
use serde_json::Value;

/// A word without quotes and without a tag.
///
/// # Errors
/// If it stands for a number that JSON does not have.
pub(super) fn plain(word: &str) -> Result<Value, Error> {
    Ok(match word {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Value::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF"
        | "-.inf" | "-.Inf" | "-.INF" => {
            return Err(Error::bad(format!("json: unsupported value: {word}")));
        }
        word => match word.as_bytes()[0] {
            b'+' | b'-' | b'.' | b'0'..=b'9' => numeric(word).unwrap_or(Value::from(word)),
            _ => Value::from(word),
        },
    })
}

/// A word with one of YAML's own tags.
///
/// # Errors
/// If it is not what the tag says.
pub(super) fn tagged(tag: &str, word: &str) -> Result<Value, Error> {
    let refused = || {
        let word = quote(word);
        Error::bad(format!("yaml: cannot decode {word} as a !!{tag}"))
    };
    let value = match tag {
        "null" | "bool" | "int" | "float" => plain(word)?,
        "binary" => {
            let bytes = decode_base64(word).map_err(|_| refused())?;
            return Ok(Value::from(String::from_utf8_lossy(&bytes)));
        }
        _ => return Ok(Value::from(word)),
    };
    let fits = match tag {
        "null" => value.is_null(),
        "bool" => value.is_boolean(),
        "int" => value.is_i64() || value.is_u64(),
        _ => value.is_number(),
    };
    match fits {
        true => Ok(value),
        false => Err(refused()),
    }
}

/// A number in any of the forms that YAML 1.1 and Go know: `0o17`, `017`, `0x1f`, `0b11`, `1_000`, `1.5e3`.
fn numeric(word: &str) -> Option<Value> {
    let word = word.replace('_', "");
    let (sign, digits) = match word.as_bytes().first()? {
        b'-' => ("-", &word[1..]),
        b'+' => ("", &word[1..]),
        _ => ("", word.as_str()),
    };
    let whole = |base, digits: &str| {
        // A second sign would be read as one.
        let is_number = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let number = i64::from_str_radix(&format!("{sign}{digits}"), base).ok();
        number.filter(|_| is_number).map(Value::from)
    };
    if let Some((base, digits)) = based(digits) {
        if let Some(value) = whole(base, digits) {
            return Some(value);
        }
        // Not octal after all, but a number to a float's eyes: 0.5, 08, 0e1.
        if base != 8 {
            return None;
        }
    }
    is_float(digits).then(|| number(&format!("{sign}{}", with_whole_part(digits))))?
}

/// Base and digits of a number that has a prefix.
fn based(digits: &str) -> Option<(u32, &str)> {
    let rest = digits.strip_prefix('0').filter(|rest| !rest.is_empty())?;
    Some(match rest.as_bytes()[0] {
        b'x' | b'X' => (16, &rest[1..]),
        b'b' | b'B' => (2, &rest[1..]),
        b'o' | b'O' => (8, &rest[1..]),
        _ => (8, rest),
    })
}

/// Digits with at most one point, at least one digit, and perhaps an exponent.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_mantissa = match mantissa.split_once('.') {
        None => are_digits(mantissa),
        Some(("", fraction)) => are_digits(fraction),
        Some((whole, fraction)) => {
            are_digits(whole) && (fraction.is_empty() || are_digits(fraction))
        }
    };
    let is_exponent = exponent
        .is_none_or(|exponent| are_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
    is_mantissa && is_exponent
}

/// Leading zeros are no sign of another base any more.
fn with_whole_part(digits: &str) -> String {
    let digits = digits.trim_start_matches('0');
    match digits.as_bytes().first() {
        Some(b'0'..=b'9') => digits.to_owned(),
        _ => format!("0{digits}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_mean_what_they_mean_in_yaml_1_1() {
        for (word, value) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("null", json!(null)),
            ("nil", json!("nil")),
            ("yes", json!(true)),
            ("Off", json!(false)),
            ("y", json!(true)),
            ("tRUE", json!("tRUE")),
            ("nginx", json!("nginx")),
            ("0", json!(0)),
            ("-0", json!(0)),
            ("+5", json!(5)),
            ("42", json!(42)),
            ("0644", json!(420)),
            ("0o644", json!(420)),
            ("0x1F", json!(31)),
            ("-0x10", json!(-16)),
            ("0b101", json!(5)),
            ("-0b101", json!(-5)),
            ("08", json!(8)),
            ("089", json!(89)),
            ("1_000", json!(1000)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("5.", json!(5.0)),
            ("0.5", json!(0.5)),
            ("1e3", json!(1000.0)),
            ("-1.5e-3", json!(-0.0015)),
            ("1.2.3", json!("1.2.3")),
            ("--5", json!("--5")),
            ("+-5", json!("+-5")),
            ("0x", json!("0x")),
            ("0x-5", json!("0x-5")),
            ("100m", json!("100m")),
            ("1Gi", json!("1Gi")),
            ("-", json!("-")),
            (".", json!(".")),
            ("1:30", json!("1:30")),
            ("2001-12-14", json!("2001-12-14")),
            ("9223372036854775807", json!(9_223_372_036_854_775_807i64)),
            ("9223372036854775808", json!(9_223_372_036_854_775_808.0)),
            ("nan", json!("nan")),
            ("inf", json!("inf")),
            ("1einf", json!("1einf")),
        ] {
            assert_eq!(plain(word), Ok(value), "{word}");
        }
        assert!(plain(".inf").is_err());
    }

    #[test]
    fn a_tag_is_taken_at_its_word() {
        assert_eq!(tagged("str", "true"), Ok(json!("true")));
        assert_eq!(tagged("int", "0x10"), Ok(json!(16)));
        assert_eq!(tagged("float", "1"), Ok(json!(1)));
        assert_eq!(tagged("binary", "aGk="), Ok(json!("hi")));
        assert!(tagged("int", "x").is_err());
        assert!(tagged("bool", "1").is_err());
        assert!(tagged("binary", "!").is_err());
    }
}
