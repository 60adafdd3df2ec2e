//! `resource.Quantity`: a fixed-point number with a suffix.
//!
//! A value is held as a whole number of nano-units, the smallest that the API knows, so sums and
//! comparisons are exact. What is finer is rounded away from zero: who wants some gets some.

use std::cmp::Ordering;
use std::fmt;

/// Nano-units of one.
const ONE: i128 = 1_000_000_000;
/// What binary quantities are cut to when read.
const BINARY_MAX: i128 = i64::MAX as i128 * ONE;
/// Bound of magnitudes that are read, 10^26: a thousand of them still add up without saturating.
const MAX: i128 = 10i128.pow(26) * ONE;
/// Longer texts are refused unread.
const MAX_TEXT: usize = 128;

/// Which family of suffixes a quantity is shown with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `n u m k M G T P E`: powers of 1000.
    DecimalSi,
    /// `Ki Mi Gi Ti Pi Ei`: powers of 1024.
    BinarySi,
    /// `e` or `E` and an exponent, such as `12e6`.
    DecimalExponent,
}

/// Why a text is no quantity. The display is the text that clients know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantityError {
    /// It is not of the form number, suffix.
    Form,
    /// The number is none, or beyond all bounds.
    Number,
    /// The suffix is unknown.
    Suffix,
}

impl fmt::Display for QuantityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            QuantityError::Form => {
                "quantities must match the regular expression \
                 '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            }
            QuantityError::Number => "unable to parse numeric part of quantity",
            QuantityError::Suffix => "unable to parse quantity's suffix",
        })
    }
}

impl std::error::Error for QuantityError {}

/// A number with a suffix. Equality and order are those of the numbers, whatever the suffix.
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

/// The texts of a quantity's parts.
struct Parts<'a> {
    is_negative: bool,
    whole: &'a str,
    fraction: &'a str,
    suffix: &'a str,
}

impl Quantity {
    /// Zero.
    pub const ZERO: Quantity = Quantity {
        nanos: 0,
        format: Format::DecimalSi,
    };

    /// A whole number.
    pub fn of(value: i64, format: Format) -> Quantity {
        Quantity {
            nanos: i128::from(value) * ONE,
            format,
        }
    }

    /// A number of thousandths.
    pub fn of_milli(value: i64, format: Format) -> Quantity {
        Quantity {
            nanos: i128::from(value) * (ONE / 1000),
            format,
        }
    }

    /// Reads what the API accepts: `<sign><digits>.<digits><suffix>`, where sign, point, either group
    /// of digits and the suffix may be missing.
    ///
    /// # Errors
    /// If it is no quantity, or one whose magnitude is beyond 10^26.
    pub fn parse(text: &str) -> Result<Quantity, QuantityError> {
        if text.is_empty() {
            return Err(QuantityError::Form);
        }
        let parts = split(text)?;
        if text.len() > MAX_TEXT {
            return Err(QuantityError::Number);
        }
        let (base, exponent, mut format) = interpret(parts.suffix).ok_or(QuantityError::Suffix)?;
        let nanos = match base {
            2 => binary(&parts, exponent as u32)?,
            _ => decimal(&parts, exponent)?,
        };
        if format == Format::BinarySi && nanos < ONE && nanos > 0 {
            format = Format::DecimalSi;
        }
        let nanos = if parts.is_negative { -nanos } else { nanos };
        Ok(Quantity { nanos, format })
    }

    /// The canonical text of a quantity's text.
    ///
    /// # Errors
    /// As [`Quantity::parse`].
    pub fn canonical(text: &str) -> Result<String, QuantityError> {
        // Most quantities are a few digits, or digits and one letter.
        let is_plain = (1..=9).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_digit())
            && !text.starts_with('0')
            && !text.ends_with("000");
        if is_plain {
            return Ok(text.to_owned());
        }
        Ok(Quantity::parse(text)?.to_string())
    }

    /// How it is shown.
    pub fn format(self) -> Format {
        self.format
    }

    /// The number, rounded away from zero to a whole one, within the bounds of 64 bits.
    pub fn value(self) -> i64 {
        saturated(divided(self.nanos, ONE))
    }

    /// The number of thousandths, rounded away from zero, within the bounds of 64 bits.
    pub fn milli_value(self) -> i64 {
        saturated(divided(self.nanos, ONE / 1000))
    }

    /// Rounded away from zero to a multiple of `10^scale`, where `scale` is between -9 and 9: -3 for
    /// thousandths. Also tells whether nothing was lost.
    pub fn rounded_up(self, scale: i8) -> (Quantity, bool) {
        let unit = 10i128.pow(u32::try_from(i32::from(scale) + 9).unwrap_or(0).min(18));
        let nanos = divided(self.nanos, unit).saturating_mul(unit);
        (Quantity { nanos, ..self }, nanos == self.nanos)
    }

    /// Whether it is zero.
    pub fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// -1, 0 or 1.
    pub fn sign(self) -> i32 {
        self.nanos.signum() as i32
    }

    /// The outcome of a sum or a difference with another one.
    fn combined(self, nanos: i128, other: Quantity) -> Quantity {
        let format = match self.is_zero() {
            true => other.format,
            false => self.format,
        };
        Quantity { nanos, format }
    }

    /// The negated number.
    pub fn negated(self) -> Quantity {
        Quantity {
            nanos: -self.nanos,
            ..self
        }
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Quantity) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Quantity) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Quantity) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

/// Shown as the left one is, or as the right one if the left one is zero.
impl std::ops::Add for Quantity {
    type Output = Quantity;

    fn add(self, other: Quantity) -> Quantity {
        self.combined(self.nanos.saturating_add(other.nanos), other)
    }
}

/// Shown as the left one is, or as the right one if the left one is zero.
impl std::ops::Sub for Quantity {
    type Output = Quantity;

    fn sub(self, other: Quantity) -> Quantity {
        self.combined(self.nanos.saturating_sub(other.nanos), other)
    }
}

/// The canonical form: no fraction, the largest suffix that loses nothing, no sign but minus.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0");
        }
        let is_whole = self.nanos % ONE == 0;
        if self.format == Format::BinarySi && is_whole && self.nanos.abs() >= 1024 * ONE {
            return binary_text(self.nanos / ONE, f);
        }
        let (mut number, mut exponent) = (self.nanos, -9i32);
        while number % 1000 == 0 {
            number /= 1000;
            exponent += 3;
        }
        match (self.format, exponent) {
            (_, 0) => write!(f, "{number}"),
            (Format::DecimalExponent, _) | (_, 19..) => write!(f, "{number}e{exponent}"),
            _ => write!(f, "{number}{}", decimal_suffix(exponent)),
        }
    }
}

fn binary_text(mut number: i128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let mut power = 0;
    while number % 1024 == 0 && power + 1 < SUFFIXES.len() {
        number /= 1024;
        power += 1;
    }
    write!(f, "{number}{}", SUFFIXES[power])
}

fn decimal_suffix(exponent: i32) -> &'static str {
    match exponent {
        -9 => "n",
        -6 => "u",
        -3 => "m",
        3 => "k",
        6 => "M",
        9 => "G",
        12 => "T",
        15 => "P",
        18 => "E",
        _ => "",
    }
}

/// Takes a text apart. Whether the suffix means something is not looked at.
fn split(text: &str) -> Result<Parts<'_>, QuantityError> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let is_negative = text.starts_with('-');
    let rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, rest) = rest.split_at(digits(rest));
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(after) => after.split_at(digits(after)),
        None => ("", rest),
    };
    let letters = suffix
        .bytes()
        .take_while(|b| b"eEinumkKMGTP".contains(b))
        .count();
    let exponent = &suffix[letters..];
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    match digits(exponent) == exponent.len() {
        true => Ok(Parts {
            is_negative,
            whole: whole.trim_start_matches('0'),
            fraction,
            suffix,
        }),
        false => Err(QuantityError::Form),
    }
}

/// Base, exponent and format of a suffix.
fn interpret(suffix: &str) -> Option<(u32, i32, Format)> {
    let decimal = |exponent| Some((10, exponent, Format::DecimalSi));
    let binary = |exponent| Some((2, exponent, Format::BinarySi));
    match suffix {
        "" => decimal(0),
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?.parse::<i64>().ok()?;
            // Far beyond what changes the outcome: too large, or rounded to the smallest.
            let exponent = exponent.clamp(-1000, 1000) as i32;
            Some((10, exponent, Format::DecimalExponent))
        }
    }
}

/// Nano-units of a number times a power of ten, rounded up.
fn decimal(parts: &Parts<'_>, exponent: i32) -> Result<i128, QuantityError> {
    let (mut mantissa, mut scale, mut is_rest) = (0i128, exponent + 9, false);
    for byte in parts.whole.bytes() {
        mantissa = digit(mantissa, byte)?;
    }
    for byte in parts.fraction.trim_end_matches('0').bytes() {
        // Digits that do not fit are worth less than the smallest unit, or the number is too large.
        match digit(mantissa, byte) {
            Ok(longer) => {
                mantissa = longer;
                scale -= 1;
            }
            Err(_) => is_rest = true,
        }
        if is_rest {
            break;
        }
    }
    if mantissa == 0 {
        return Ok(0);
    }
    let nanos = match scale {
        0 => mantissa,
        1.. => 10i128
            .checked_pow(scale as u32)
            .and_then(|power| mantissa.checked_mul(power))
            .ok_or(QuantityError::Number)?,
        _ => match 10i128.checked_pow(scale.unsigned_abs()) {
            Some(power) if is_rest => mantissa / power + 1,
            Some(power) => divided(mantissa, power),
            None => 1,
        },
    };
    match nanos <= MAX && !(is_rest && scale > 0) {
        true => Ok(nanos),
        false => Err(QuantityError::Number),
    }
}

/// Nano-units of a number times a power of two, rounded up and cut to the largest.
fn binary(parts: &Parts<'_>, exponent: u32) -> Result<i128, QuantityError> {
    let mut whole = 0i128;
    for byte in parts.whole.bytes() {
        whole = digit(whole, byte)?;
    }
    // 18 digits times 2^60 fit; what comes behind them counts as a little more.
    let digits = parts.fraction.trim_end_matches('0');
    let kept = &digits[..digits.len().min(18)];
    let mut fraction = 0i128;
    for byte in kept.bytes() {
        fraction = digit(fraction, byte)?;
    }
    let fraction = fraction << exponent;
    let fraction = match kept.len() {
        length @ 0..=9 => fraction * 10i128.pow(9 - length as u32),
        length => divided(fraction, 10i128.pow(length as u32 - 9)),
    };
    let fraction = match kept.len() == digits.len() {
        true => fraction,
        false => fraction + 1,
    };
    let nanos = whole
        .checked_mul(ONE << exponent.min(30))
        .and_then(|nanos| nanos.checked_mul(1 << exponent.saturating_sub(30)))
        .and_then(|nanos| nanos.checked_add(fraction));
    Ok(nanos.unwrap_or(BINARY_MAX).min(BINARY_MAX))
}

fn digit(mantissa: i128, byte: u8) -> Result<i128, QuantityError> {
    mantissa
        .checked_mul(10)
        .and_then(|mantissa| mantissa.checked_add(i128::from(byte - b'0')))
        .ok_or(QuantityError::Number)
}

/// Divided and rounded away from zero.
fn divided(number: i128, by: i128) -> i128 {
    let (quotient, rest) = (number / by, number % by);
    quotient + if rest == 0 { 0 } else { rest.signum() }
}

fn saturated(number: i128) -> i64 {
    number.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

#[cfg(test)]
mod tests;
