//! The exponential function and the logarithm where thousands of values are needed at once: without a branch or a call, so
//! that a compiler makes several side by side.

/// e to the power of `x`, to 10⁻⁹ of its value. Beyond ±700 it stays what it is there.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    /// Adding it rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let x = x.clamp(-700.0, 700.0);
    let rounded = x * std::f64::consts::LOG2_E + ROUND;
    let rest = x - (rounded - ROUND) * std::f64::consts::LN_2;
    let mut sum = 1.0 / 40_320.0;
    for factorial in [5_040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0] {
        sum = sum * rest + 1.0 / factorial;
    }
    sum * f64::from_bits(rounded.to_bits().wrapping_add(1023) << 52)
}

/// The natural logarithm of `x`, to 10⁻⁷. About −709 if `x` is 0 or subnormal; anything if `x` is negative.
#[inline(always)]
pub(crate) fn ln(x: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    /// Taking it from a number whose lowest bits it shares leaves these bits as a whole number.
    const WHOLE: f64 = 4_503_599_627_370_496.0;
    let bits = x.to_bits();
    // `x` is the mantissa, from 1 to 2, times 2 to the `power`.
    let mantissa = f64::from_bits((bits & MANTISSA) | 1.0_f64.to_bits());
    let power = f64::from_bits((bits >> 52) | WHOLE.to_bits()) - WHOLE - 1023.0;
    let is_high = mantissa > std::f64::consts::SQRT_2;
    let mantissa = if is_high { 0.5 * mantissa } else { mantissa };
    let power = if is_high { power + 1.0 } else { power };
    // ln(m) is 2 artanh((m − 1) ÷ (m + 1)), as a series.
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let square = ratio * ratio;
    let mut sum = 1.0 / 7.0;
    for odd in [5.0, 3.0, 1.0] {
        sum = sum * square + 1.0 / odd;
    }
    2.0 * ratio * sum + power * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_near() {
        for tenths in -6990..6990 {
            let x = f64::from(tenths) / 10.0;
            let off = exp(x) / x.exp() - 1.0;
            assert!(off.abs() < 1e-9, "{x}: {off}");
            let off = ln(x.exp()) - x;
            assert!(off.abs() < 1e-7, "{x}: {off}");
        }
        assert!(exp(f64::NEG_INFINITY) < 1e-300);
        assert!((-710.0..-700.0).contains(&ln(0.0)));
    }
}
