//! Quantities by example: what is read, how it is shown, what it is worth.

use super::*;
use proptest::prelude::*;

fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn each_number_has_one_text() {
    for (text, canonical) in [
        ("0", "0"),
        ("0.0", "0"),
        ("-0", "0"),
        ("0Ki", "0"),
        ("000m", "0"),
        ("+", "0"),
        (".", "0"),
        ("1", "1"),
        ("+1", "1"),
        ("-1", "-1"),
        ("007", "7"),
        ("1000m", "1"),
        ("0.5", "500m"),
        ("0.25", "250m"),
        (".5", "500m"),
        ("1.", "1"),
        ("1.5", "1500m"),
        ("1500m", "1500m"),
        ("100m", "100m"),
        ("1.0", "1"),
        ("0.001", "1m"),
        ("0.0001", "100u"),
        ("1000", "1k"),
        ("1000k", "1M"),
        ("1500k", "1500k"),
        ("1.5M", "1500k"),
        ("1234567", "1234567"),
        ("1000000", "1M"),
        ("1000M", "1G"),
        ("1000G", "1T"),
        ("1000T", "1P"),
        ("1000P", "1E"),
        ("5E", "5E"),
        ("1000E", "1e21"),
        ("1024", "1024"),
        ("1024Ki", "1Mi"),
        ("1024Mi", "1Gi"),
        ("1000Mi", "1000Mi"),
        ("1536Mi", "1536Mi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Gi", "512Mi"),
        ("0.5Ki", "512"),
        ("1Ki", "1Ki"),
        ("0.1Gi", "107374182400m"),
        ("0.0001Ki", "102400u"),
        ("-1024Mi", "-1Gi"),
        ("7Ei", "7Ei"),
        ("1e3", "1e3"),
        ("1E3", "1e3"),
        ("1e0", "1"),
        ("12e6", "12e6"),
        ("1.2e3", "1200"),
        ("12e4", "120e3"),
        ("1e-3", "1e-3"),
        ("1e+3", "1e3"),
        ("1000e-3", "1"),
        ("5n", "5n"),
        ("500n", "500n"),
        ("5000n", "5u"),
        ("18446744073709551616", "18446744073709551616"),
        ("1.2345", "1234500u"),
    ] {
        assert_eq!(quantity(text).to_string(), canonical, "{text}");
        assert_eq!(Quantity::canonical(text).unwrap(), canonical, "{text}");
    }
}

#[test]
fn what_is_finer_than_nano_is_rounded_away_from_zero() {
    for (text, canonical) in [
        ("0.1n", "1n"),
        ("0.9n", "1n"),
        ("-0.1n", "-1n"),
        ("1.00000000001", "1000000001n"),
        ("1e-30", "1e-9"),
        ("1e-999999999", "1e-9"),
        ("0.00000000000000000000000000000000000000000000001", "1n"),
        (
            "1.00000000000000000000000000000000000000000000001",
            "1000000001n",
        ),
        ("0.0000000000000000000000000001Ki", "1n"),
        ("1.0000000000000000000000000001Ki", "1024000000001n"),
    ] {
        assert_eq!(quantity(text).to_string(), canonical, "{text}");
    }
}

#[test]
fn binary_quantities_end_at_63_bits() {
    for text in ["8Ei", "9223372036854775808Ki", "99999999999999999999Ei"] {
        assert_eq!(quantity(text).value(), i64::MAX, "{text}");
        assert_eq!(quantity(text).to_string(), "9223372036854775807", "{text}");
    }
    assert_eq!(quantity("-8Ei").value(), -i64::MAX);
}

#[test]
fn what_is_no_quantity_is_refused() {
    for (text, error) in [
        ("", QuantityError::Form),
        ("1 ", QuantityError::Form),
        (" 1", QuantityError::Form),
        ("1.1.1", QuantityError::Form),
        ("--1", QuantityError::Suffix),
        ("abc", QuantityError::Form),
        ("true", QuantityError::Form),
        ("1Mi5x", QuantityError::Form),
        ("0x10", QuantityError::Form),
        ("1e3.5", QuantityError::Form),
        ("1é", QuantityError::Form),
        ("1K", QuantityError::Suffix),
        ("1ki", QuantityError::Suffix),
        ("1Mi5", QuantityError::Suffix),
        ("1MiB", QuantityError::Form),
        ("1e", QuantityError::Suffix),
        ("1e-", QuantityError::Suffix),
        ("1i", QuantityError::Suffix),
        ("1mm", QuantityError::Suffix),
        ("1-5", QuantityError::Suffix),
        ("1e99999999999999999999", QuantityError::Suffix),
        ("1e100", QuantityError::Number),
        ("1e999999999", QuantityError::Number),
        (
            "99999999999999999999999999999999999999999999",
            QuantityError::Number,
        ),
    ] {
        assert_eq!(Quantity::parse(text).unwrap_err(), error, "{text}");
    }
    let long = "1".repeat(MAX_TEXT + 1);
    assert_eq!(Quantity::parse(&long).unwrap_err(), QuantityError::Number);
    let text = QuantityError::Form.to_string();
    assert!(text.ends_with("expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"));
}

#[test]
fn values_are_rounded_away_from_zero() {
    for (text, value, milli) in [
        ("1", 1, 1000),
        ("1m", 1, 1),
        ("1u", 1, 1),
        ("1001m", 2, 1001),
        ("1.0001", 2, 1001),
        ("-1.5", -2, -1500),
        ("-1u", -1, -1),
        ("1Gi", 1 << 30, 1000 << 30),
        ("1E", 1_000_000_000_000_000_000, i64::MAX),
        ("100E", i64::MAX, i64::MAX),
        ("-100E", i64::MIN, i64::MIN),
    ] {
        assert_eq!(quantity(text).value(), value, "{text}");
        assert_eq!(quantity(text).milli_value(), milli, "{text}");
    }
}

#[test]
fn rounding_to_thousandths_tells_whether_it_lost_anything() {
    for (text, scale, rounded, is_exact) in [
        ("1m", -3, "1m", true),
        ("1500u", -3, "2m", false),
        ("-1500u", -3, "-2m", false),
        ("1.5", 0, "2", false),
        ("1234", 3, "2k", false),
        ("1Gi", 0, "1Gi", true),
        ("5n", -9, "5n", true),
    ] {
        let (quantity, exact) = quantity(text).rounded_up(scale);
        assert_eq!((quantity.to_string().as_str(), exact), (rounded, is_exact));
    }
}

#[test]
fn sums_are_shown_as_the_left_side_is() {
    for (left, right, sum, difference) in [
        ("1", "500m", "1500m", "500m"),
        ("1Gi", "1Gi", "2Gi", "0"),
        ("1Gi", "1", "1073741825", "1073741823"),
        ("0", "1Ki", "1Ki", "-1Ki"),
        ("1k", "1Ki", "2024", "-24"),
        ("1e3", "1k", "2e3", "0"),
        ("0.5", "0.5", "1", "0"),
    ] {
        assert_eq!((quantity(left) + quantity(right)).to_string(), sum);
        assert_eq!((quantity(left) - quantity(right)).to_string(), difference);
    }
}

#[test]
fn order_looks_at_numbers_alone() {
    assert_eq!(quantity("1000m"), quantity("1"));
    assert_eq!(quantity("1Ki"), quantity("1024"));
    assert!(quantity("1k") < quantity("1Ki"));
    assert!(quantity("-1") < quantity("0"));
    assert!(quantity("1n") > Quantity::ZERO);
    assert_eq!(Quantity::of_milli(1500, Format::DecimalSi), quantity("1.5"));
    assert_eq!(Quantity::of(2, Format::DecimalSi).to_string(), "2");
}

proptest! {
    #[test]
    fn the_canonical_text_is_read_as_the_same_and_shown_as_itself(
        text in "[+-]?[0-9]{0,13}(\\.[0-9]{0,12})?(n|u|m|k|M|G|T|Ki|Mi|Gi|Ti|e-?[0-9]|E[0-9])?"
    ) {
        prop_assume!(!text.is_empty());
        let first = Quantity::parse(&text).unwrap();
        let shown = first.to_string();
        let second = Quantity::parse(&shown).unwrap();
        prop_assert_eq!(first, second);
        prop_assert_eq!(second.to_string(), shown);
        prop_assert_eq!(Quantity::canonical(&text).unwrap(), first.to_string());
    }

    #[test]
    fn no_text_makes_it_panic(text in "[-+.0-9eEinumkKMGTPx]{0,140}") {
        if let Ok(quantity) = Quantity::parse(&text) {
            let _ = (quantity.value(), quantity.milli_value(), quantity.to_string());
            let _ = quantity + quantity - quantity.negated();
        }
    }
}
