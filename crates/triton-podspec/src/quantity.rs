//! Kubernetes quantities as exact numbers.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

const NANO: i128 = 1_000_000_000;

/// Digits after the point that are read; what is finer is rounded up.
const FRACTION_DIGITS: usize = 18;

/// An exact amount, in billionths; what is finer is rounded up, and what is out of range saturates, as Kubernetes
/// does ("Quantity" in the API reference).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(i128);

// === impl Amount ===

impl Amount {
    /// Reads `1.5`, `250m`, `4Gi`, `1e3`; `None` for what is no quantity.
    #[must_use]
    pub fn parse(quantity: &Quantity) -> Option<Self> {
        let text = quantity.0.as_str();
        let (negative, text) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let end = text
            .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
            return None;
        }
        let (exponent, factor) = scale(suffix)?;
        let mut nanos = factor.checked_mul(NANO)?;
        let (fraction, finer) = fraction.split_at(fraction.len().min(FRACTION_DIGITS));
        let mut amount: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            amount = amount.saturating_mul(10).saturating_add(i128::from(digit - b'0'));
        }
        if finer.bytes().any(|digit| digit != b'0') {
            amount = amount.saturating_add(1);
        }
        if amount == i128::MAX {
            return Some(Self(if negative { i128::MIN + 1 } else { i128::MAX }));
        }
        let shift = exponent - i32::try_from(fraction.len()).unwrap_or(i32::MAX);
        // Cancel powers of ten before multiplying, so that a long fraction does not overflow.
        let mut down = shift.min(0).unsigned_abs();
        while down > 0 && nanos % 10 == 0 {
            nanos /= 10;
            down -= 1;
        }
        amount = amount.saturating_mul(nanos);
        for _ in 0..shift.clamp(0, 40) {
            amount = amount.saturating_mul(10);
        }
        for _ in 0..down.min(80) {
            amount = ceil_div(amount, 10);
        }
        Some(Self(if negative { -amount } else { amount }))
    }

    /// So many whole units.
    #[must_use]
    pub fn whole(units: u64) -> Self {
        Self(i128::from(units) * NANO)
    }

    /// So many MiB, in bytes.
    #[must_use]
    pub fn mib(mib: u64) -> Self {
        Self(i128::from(mib).saturating_mul(NANO << 20))
    }

    pub(crate) const ZERO: Self = Self(0);

    /// Whole units, rounded up; never below zero.
    pub(crate) fn ceil(self) -> u64 {
        saturate(ceil_div(self.0, NANO))
    }

    /// MiB of an amount in bytes, rounded up; never below zero.
    pub(crate) fn ceil_mib(self) -> u64 {
        saturate(ceil_div(self.0, NANO << 20))
    }

    /// How often `divisor` fits, rounded up; both are first rounded up to `unit`, as the kubelet does for
    /// `resourceFieldRef`. A divisor of zero counts as one.
    pub(crate) fn divided(self, divisor: Self, unit: Unit) -> i128 {
        let step = match unit {
            Unit::Milli => NANO / 1000,
            Unit::Whole => NANO,
        };
        let divisor = if divisor == Self::ZERO { NANO } else { divisor.0 };
        ceil_div(ceil_div(self.0, step), ceil_div(divisor, step).max(1))
    }
}

/// How finely a resource is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Thousandths: CPU.
    Milli,
    /// Bytes.
    Whole,
}

/// A suffix as a power of ten and a factor.
fn scale(suffix: &str) -> Option<(i32, i128)> {
    let decimal = |exponent| Some((exponent, 1));
    let binary = |power: u32| Some((0, 1_i128 << (10 * power)));
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
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            decimal(exponent.clamp(-1000, 1000))
        }
    }
}

/// Division of a number by a positive one, rounded up.
fn ceil_div(amount: i128, by: i128) -> i128 {
    amount.div_euclid(by) + i128::from(amount.rem_euclid(by) != 0)
}

fn saturate(amount: i128) -> u64 {
    u64::try_from(amount.max(0)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Option<Amount> {
        Amount::parse(&Quantity(text.to_owned()))
    }

    #[test]
    fn quantities_are_read_exactly() {
        for (text, nanos) in [
            ("0", 0),
            ("1", NANO),
            ("1.5", NANO * 3 / 2),
            (".5", NANO / 2),
            ("+250m", NANO / 4),
            ("-1", -NANO),
            ("100n", 100),
            ("0.1n", 1),
            ("1k", 1000 * NANO),
            ("1Ki", 1024 * NANO),
            ("4Gi", (4 << 30) * NANO),
            ("0.5Gi", (1 << 29) * NANO),
            ("1e3", 1000 * NANO),
            ("1E3", 1000 * NANO),
            ("2E", 2_000_000_000_000_000_000 * NANO),
            ("12e-1", NANO * 6 / 5),
        ] {
            assert_eq!(amount(text), Some(Amount(nanos)), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_none() {
        for text in ["", "m", "1.2.3", "1Kb", "1 Gi", "one", "e3", "-", ".", "1e", "é"] {
            assert_eq!(amount(text), None, "{text}");
        }
    }

    #[test]
    fn out_of_range_saturates() {
        for text in ["1e999999", "9".repeat(400).as_str(), "99999999999999999999999999999Ei"] {
            assert_eq!(amount(text).map(Amount::ceil), Some(u64::MAX), "{text}");
        }
        assert_eq!(
            amount(&format!("{}.{}", "9".repeat(40), "9".repeat(40))).map(Amount::ceil),
            Some(u64::MAX)
        );
        assert_eq!(amount(&format!("-{}", "9".repeat(60))).map(Amount::ceil), Some(0));
        assert_eq!(amount(&format!("0.{}1", "0".repeat(300))), Some(Amount(1)));
        assert_eq!(amount(&format!("1.{}", "0".repeat(300))), Some(Amount(NANO)));
        assert_eq!(amount("1e-999999"), Some(Amount(1)));
        assert_eq!(amount("0e999999"), Some(Amount(0)));
    }

    #[test]
    fn division_rounds_up_as_the_kubelet_does() {
        for (value, divisor, unit, expected) in [
            ("1500m", "1", Unit::Milli, 2),
            ("1500m", "1m", Unit::Milli, 1500),
            ("250m", "0", Unit::Milli, 1),
            ("64Mi", "1Mi", Unit::Whole, 64),
            ("64M", "1Mi", Unit::Whole, 62),
            ("1Gi", "0", Unit::Whole, 1 << 30),
        ] {
            let (Some(value), Some(divisor)) = (amount(value), amount(divisor)) else {
                panic!("unreadable row")
            };
            assert_eq!(value.divided(divisor, unit), expected, "{value:?} {divisor:?}");
        }
    }
}
